/* Is this a build with AddressSanitizer or ThreadSanitizer? Then SANITIZED is defined: they trace themselves,
 * and have allocators and locks of their own. */
#ifndef NETINFO_SYS_SANITIZED_H
#define NETINFO_SYS_SANITIZED_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

#endif
