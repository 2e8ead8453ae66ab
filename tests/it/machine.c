/*
 * Loaded into the program by LD_PRELOAD: the addresses at which clouds tell a machine who it is (169.254.0.0/16, port 80)
 * are those of a server of the tests, on this machine's port MACHINE_PORT.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int connect(int fd, const struct sockaddr *to, socklen_t length)
{
    const struct sockaddr_in *given = (const struct sockaddr_in *)to;
    const char *port = getenv("MACHINE_PORT");
    if (port == NULL || to->sa_family != AF_INET || given->sin_port != htons(80) ||
        ntohl(given->sin_addr.s_addr) >> 16 != 0xa9fe)
        return REAL(connect)(fd, to, length);
    struct sockaddr_in ours = *given;
    ours.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ours.sin_port = htons((unsigned short)atoi(port));
    return REAL(connect)(fd, (const struct sockaddr *)&ours, sizeof ours);
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
    if (node != NULL && strcmp(node, "metadata.google.internal") == 0)
        node = "169.254.169.254";
    return REAL(getaddrinfo)(node, service, hints, found);
}
