/* A real store in a temporary folder, and calls that travel as bytes: arguments are encoded and decoded by
 * `wire`, results decoded from what the operation has written. */
#ifndef NETINFO_TESTS_DIRECTORY_FIXTURE_H
#define NETINFO_TESTS_DIRECTORY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "directory/directory.h"

struct fixture {
        char folder[64];
        struct store_options options;
        struct store *store;
        struct store_txn *reader;
        struct arena arena;   /* of one request */
        struct arena results; /* what a test keeps; lives until the test ends */
        struct buf wire, out; /* arguments and result of the last call */
        struct caller caller; /* who asks; superuser unless a test says otherwise */
        struct dir_policy policy;
};

/* An empty domain: the root only. */
int fixture_empty(void **state);
int fixture_empty_from_zero(void **state); /* freed numbers start at instance 0 */
/* As after CREATEMASTER on machine alpha, 10.0.0.1, tag network (protocol.md 6.5). */
int fixture_domain(void **state);
int fixture_domain_from_zero(void **state);
int fixture_done(void **state);

/* One call. *ret (may be NULL) lives until the end of the test. */
enum ni_status fx_call(struct fixture *f, enum ni_proc proc, const struct ni_args *args,
                       struct ni_result *ret);
/* The same, and fails unless it answers `want`. */
#define fx_expect(f, want, proc, ...) assert_int_equal(fx_call((f), (proc), __VA_ARGS__), (want))
/* An EDIT in its own transaction, through wire bytes. */
enum ni_status fx_edit(struct fixture *f, const struct ext_op *ops, uint32_t n, struct ext_edit_result *ret);
void fx_changes(struct fixture *f, const struct ext_changes_args *args, struct ext_changes_result *ret);
void fx_snapshot(struct fixture *f, const struct ext_snapshot_args *args, struct ext_snapshot_result *ret);

void fx_search(struct fixture *f, const struct ext_search_args *args, struct ext_search_result *ret);
void fx_history(struct fixture *f, const struct ext_history_args *args, struct ext_history_result *ret);

/* A request for the other doors of the room; begins a read transaction, ended by fx_ask_end. */
struct dir_request fx_ask(struct fixture *f);
void fx_ask_end(struct fixture *f);
struct store_info fx_info(struct fixture *f);
/* The store's own check says that nothing is wrong. */
void fx_check_store(struct fixture *f);

/* Values as NULL-terminated words; properties as such lists one after the other, with one more NULL at the
 * end: fx_props(f, "name", "ada", NULL, "uid", "5001", NULL, NULL). */
struct namelist fx_values(struct fixture *f, const char *first, ...) __attribute__((sentinel));
struct proplist fx_props(struct fixture *f, ...) __attribute__((sentinel));
/* As somebody writes them down: "name=ada|uid=5001|users=" */
const char *fx_text(struct fixture *f, struct proplist l);
const char *fx_values_text(struct fixture *f, struct namelist l);
const char *fx_encoded_text(struct fixture *f, struct bytes props);
#define assert_props(f, list, want)  assert_string_equal(fx_text((f), (list)), (want))
#define assert_values(f, list, want) assert_string_equal(fx_values_text((f), (list)), (want))

/* Makes a child at the end as superuser; gives its id. */
struct ni_id fx_add(struct fixture *f, uint32_t parent, struct proplist props);
struct ni_id fx_id(struct fixture *f, uint32_t object);
struct caller fx_caller(const char *name);

/* Hexadecimal words, blanks ignored. */
struct bytes fx_hex(struct fixture *f, const char *text);
/* A call whose arguments are these bytes, answered by exactly those. */
void fx_vector(struct fixture *f, enum ni_proc proc, const char *args, const char *result);

#endif
