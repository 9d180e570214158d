#include "sys/terminal.h"

#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static const int endings[] = {SIGINT, SIGHUP, SIGQUIT, SIGTERM, SIGTSTP};
#define ENDINGS (sizeof(endings) / sizeof(endings[0]))

static volatile sig_atomic_t caught; /* one process asks one question at a time */

static void catch (int number)
{
        caught = number;
}

/* The next byte. The signals come while it waits, and at no other time: none can slip in between. */
static int read_byte(int tty, const sigset_t *open_to, char *ret)
{
        struct pollfd p = {.fd = tty, .events = POLLIN};
        for (;;) {
                if (ppoll(&p, 1, NULL, open_to) < 0 && errno != EINTR)
                        return errno;
                if (caught)
                        return EINTR;
                if (!p.revents)
                        continue;
                const ssize_t n = read(tty, ret, 1);
                if (n >= 0 || errno != EINTR)
                        return n > 0 ? 0 : n == 0 ? ENODATA : errno;
        }
}

/* A line of at most size - 1 bytes; longer ones are read to their end. */
static int read_line(int tty, const sigset_t *open_to, char *to, size_t size)
{
        size_t n = 0;
        for (;;) {
                char c;
                const int e = read_byte(tty, open_to, &c);
                if (e && !(e == ENODATA && n))
                        return e;
                if (e || c == '\n')
                        break;
                if (n + 1 < size)
                        to[n] = c;
                n++;
        }
        to[n < size ? n : size - 1] = '\0';
        return n < size ? 0 : EMSGSIZE;
}

static int ask(int tty, const sigset_t *open_to, const char *prompt, char *to, size_t size)
{
        struct termios before, quiet;
        if (tcgetattr(tty, &before) < 0)
                return errno;
        quiet = before;
        quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
        tcsetattr(tty, TCSAFLUSH, &quiet); /* before the prompt: what is typed at its sight is safe */
        fs_write_all(tty, prompt, strlen(prompt));
        const int e = read_line(tty, open_to, to, size);
        tcsetattr(tty, TCSAFLUSH, &before);
        fs_write_all(tty, "\n", 1);
        return e;
}

int terminal_ask_secret(const char *prompt, char *to, size_t size)
{
        const struct sigaction ours = {.sa_handler = catch};
        struct sigaction theirs[ENDINGS];
        sigset_t ending, before;
        const int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
        to[0] = '\0';
        if (tty < 0)
                return errno;
        sigemptyset(&ending);
        for (size_t i = 0; i < ENDINGS; i++)
                sigaddset(&ending, endings[i]);
        sigprocmask(SIG_BLOCK, &ending, &before);
        caught = 0;
        for (size_t i = 0; i < ENDINGS; i++) {
                sigaction(endings[i], NULL, &theirs[i]);
                if (theirs[i].sa_handler != SIG_IGN)
                        sigaction(endings[i], &ours, NULL);
        }
        const int e = ask(tty, &before, prompt, to, size);
        for (size_t i = 0; i < ENDINGS; i++)
                sigaction(endings[i], &theirs[i], NULL);
        close(tty);
        if (e)
                explicit_bzero(to, size);
        if (caught)
                raise(caught);
        sigprocmask(SIG_SETMASK, &before,
                    NULL); /* here it ends; or, after Ctrl-Z, goes on without an answer */
        return e;
}
