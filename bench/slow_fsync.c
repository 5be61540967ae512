/*
 * A disk that takes a millisecond longer, as those of a cloud do: preloaded into
 * the server (LD_PRELOAD), it adds 1 ms to each fdatasync.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>

int
fdatasync(int fd)
{
	static int	(*real) (int);
	struct timespec delay = {0, 1000000};

	if (!real)
		real = (int (*) (int)) dlsym(RTLD_NEXT, "fdatasync");
	nanosleep(&delay, 0);
	return real(fd);
}
