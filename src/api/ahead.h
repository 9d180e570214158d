/* Edits of a handle sent without waiting for their answers, for programs that load much (client_edit_ahead).
 */
#ifndef NETINFO_API_AHEAD_H
#define NETINFO_API_AHEAD_H

#include "client/client.h"

#include <netinfo/netinfo.h>

#define AHEAD_MOST CLIENT_AHEAD /* on their way at once */

/* Sends the changes to the master as netinfo_edit does. Until all are answered the handle is for nothing else
 * than this and ahead_answer. NI_OK: *ret_ticket names it. NI_BADOP: a historical server, nothing was sent.
 * NI_NOSPACE: AHEAD_MOST are on their way, or they are too large for one call. Else nobody knows what became
 * of those on their way. */
ni_status ahead_edit(void *handle, const char *what, const netinfo_change *changes, unsigned n,
                     uint32_t *ret_ticket);
/* Waits for the answer to any of them. NI_OK: *ret_ticket was answered, and *ret_status is its status; when
 * that is NI_OK too, the ids of the first `room` changes go into ret_ids (of destroyed ones 0). NI_NODIR:
 * none is on its way. Else as above. */
ni_status ahead_answer(void *handle, uint32_t *ret_ticket, ni_status *ret_status, ni_id *ret_ids,
                       unsigned room);

#endif
