// SPDX-License-Identifier: LGPL-2.1-or-later
/* The terminal as a screen of one's own, with keys that come at once. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "cli.h"
#include "screen.h"

/* The other screen, the cursor, what stands out. All that a terminal has to know. */
#define ENTER  "\033[?1049h\033[?25l\033[2J"
#define LEAVE  "\033[0m\033[?25h\033[?1049l"
#define STRONG "\033[7m"
#define NORMAL "\033[0m"

/* One terminal, which signals have to find. */
static struct termios before;
static volatile sig_atomic_t is_active;
static bool has_keys;
/* SIGWINCH, and SIGCONT after a stop: read, not handled, so that none is missed before a poll(). */
static int changes = -1;

static const int fatal_signals[] = {
	SIGINT, SIGTERM, SIGHUP,  SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2, SIGABRT, SIGSEGV,	  SIGBUS,
	SIGILL, SIGFPE,	 SIGTRAP, SIGSYS,  SIGALRM, SIGPROF, SIGXCPU, SIGXFSZ, SIGVTALRM,
};

bool screen_is_possible(void)
{
	return cli_is_terminal(STDOUT_FILENO);
}

/* From here to the handlers only what may be called in one. */
static int write_all(const char *text, size_t length)
{
	struct pollfd polled = { .fd = STDOUT_FILENO, .events = POLLOUT };

	while (length > 0) {
		ssize_t written = write(STDOUT_FILENO, text, length);

		if (written > 0) {
			text += written;
			length -= (size_t)written;
		} else if (written < 0 && errno == EAGAIN) {
			/* Somebody else who has the terminal made it so. */
			poll(&polled, 1, -1);
		} else if (written == 0 || errno != EINTR) {
			return written < 0 ? -errno : -EIO;
		}
	}
	return 0;
}

/* In the background the terminal is another's, and who touched it would be stopped. */
static bool is_in_foreground(void)
{
	pid_t group = tcgetpgrp(STDOUT_FILENO);

	return group < 0 || group == getpgrp();
}

/* Not to be stopped between steps that belong together: the handler comes after them. */
static void hold_stop(sigset_t *ret_previous)
{
	sigset_t stop;

	sigemptyset(&stop);
	sigaddset(&stop, SIGTSTP);
	sigprocmask(SIG_BLOCK, &stop, ret_previous);
}

static void take_keys(void)
{
	struct termios during = before;

	during.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	during.c_cc[VMIN] = 0;
	during.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSANOW, &during);
}

/* Another has the terminal: stopped as who reads from it is, and SIGCONT enters again. */
static int stop_in_background(void)
{
	sigset_t pending;

	raise(SIGTTOU);
	/* Not stopped, and nothing to wait for: nobody is there who could make it go on. */
	sigpending(&pending);
	return sigismember(&pending, SIGCONT) ? 0 : -EIO;
}

static int enter(void)
{
	sigset_t previous;

	if (!is_in_foreground())
		return stop_in_background();
	hold_stop(&previous);
	/* As the shell left it to us: in the background it is as the shell's line editor needs it. */
	if (has_keys && !is_active)
		tcgetattr(STDIN_FILENO, &before);
	is_active = 1;
	if (has_keys)
		take_keys();
	write_all(ENTER, strlen(ENTER));
	sigprocmask(SIG_SETMASK, &previous, NULL);
	return 0;
}

/*
 * Over when all is done: another signal that comes meanwhile does it all once more. The
 * same one ends the program at once, maybe while a terminal takes nothing: keys come first.
 */
static void leave(void)
{
	if (!is_active)
		return;
	if (is_in_foreground()) {
		if (has_keys)
			tcsetattr(STDIN_FILENO, TCSANOW, &before);
		write_all(LEAVE, strlen(LEAVE));
	}
	is_active = 0;
}

/* Ends as it would have without us. */
static void on_fatal_signal(int number)
{
	leave();
	raise(number);
}

/*
 * Stops as it would have without us, which is not at all where nobody could make it
 * go on: then it has to take the terminal back on its own.
 */
static void on_stop(int number)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	struct sigaction previous;
	sigset_t stop, mask;
	int error = errno;

	leave();
	sigemptyset(&stop);
	sigaddset(&stop, number);
	sigaction(number, &action, &previous);
	raise(number);
	sigprocmask(SIG_UNBLOCK, &stop, &mask);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	sigaction(number, &previous, NULL);
	raise(SIGCONT);
	errno = error;
}

static void set_handler(int number, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };
	struct sigaction previous;

	/* What somebody told it to ignore, as nohup(1) does, it ignores. */
	if (sigaction(number, NULL, &previous) < 0 || previous.sa_handler == SIG_IGN)
		return;
	sigemptyset(&action.sa_mask);
	sigaction(number, &action, NULL);
}

static int watch_changes(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGWINCH);
	sigaddset(&signals, SIGCONT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	changes = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return changes < 0 ? -errno : 0;
}

int screen_begin(void)
{
	int r = watch_changes();

	if (r < 0)
		return r;
	has_keys = isatty(STDIN_FILENO);
	fflush(stdout);
	atexit(screen_end);
	for (size_t i = 0; i < ARRAY_SIZE(fatal_signals); i++)
		set_handler(fatal_signals[i], on_fatal_signal, (int)(SA_RESETHAND | SA_NODEFER));
	set_handler(SIGTSTP, on_stop, SA_RESTART);
	return enter();
}

void screen_end(void)
{
	leave();
}

void screen_get_size(unsigned int *ret_columns, unsigned int *ret_rows)
{
	struct winsize size = { 0 };

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	*ret_columns = size.ws_col > 0 ? size.ws_col : 80;
	*ret_rows = size.ws_row > 0 ? size.ws_row : 24;
}

int screen_get_fd(void)
{
	return changes;
}

int screen_process(void)
{
	struct signalfd_siginfo info;
	bool goes_on = false;
	int is_changed = 0, r;

	while (read(changes, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		goes_on |= info.ssi_signo == SIGCONT;
		is_changed = 1;
	}
	/* Once: after a stop there are two, the shell's and our own. */
	if (goes_on && (r = enter()) < 0)
		return r;
	return is_changed;
}

/* Wiped out before, not after: behind the last column there is nothing, and the last sign would go. */
static void print_line(FILE *file, const char *line, size_t length, bool may_stand_out)
{
	bool is_strong = length > 0 && line[0] == SCREEN_STRONG;

	if (is_strong) {
		line++;
		length--;
	}
	fprintf(file, "\033[K%s%.*s%s", is_strong && may_stand_out ? STRONG : "", (int)length, line,
		is_strong && may_stand_out ? NORMAL : "");
}

/*
 * Who is stopped in the middle would write the rest of it over what the shell shows then.
 * Who was stopped before has to enter again first, and shows it then. Who was not, and has not
 * the terminal any more, is in nobody's care, maybe as the shell was killed.
 */
static int write_picture(const char *picture, size_t size)
{
	sigset_t previous;
	int r = 0;

	hold_stop(&previous);
	if (is_active)
		r = is_in_foreground() ? write_all(picture, size) : stop_in_background();
	sigprocmask(SIG_SETMASK, &previous, NULL);
	return r;
}

int screen_show(const char *text)
{
	bool may_stand_out = cli_wants_colour();
	char *picture = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&picture, &size);
	int r;

	if (!file)
		return -ENOMEM;
	fputs("\033[H", file);
	while (*text) {
		size_t length = strcspn(text, "\n");

		print_line(file, text, length, may_stand_out);
		text += length;
		if (*text == '\n')
			text++;
		/* A line end below the last line would scroll. */
		if (*text)
			fputs("\r\n", file);
	}
	r = fclose(file) == 0 ? write_picture(picture, size) : -ENOMEM;
	free(picture);
	return r;
}

bool screen_has_keys(void)
{
	return has_keys;
}

int screen_read_key(void)
{
	unsigned char key;
	ssize_t length;

	if (!has_keys)
		return -ENOTTY;
	length = read(STDIN_FILENO, &key, 1);
	if (length == 1)
		return key;
	return length < 0 && errno != EINTR && errno != EAGAIN ? -errno : 0;
}
