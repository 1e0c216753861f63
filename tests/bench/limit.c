/* The machine's limit: one thread, epoll, one fixed answer, no parsing beyond the blank line. */
#define _GNU_SOURCE /* accept4 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static const char ANSWER[] =
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 27\r\n\r\n"
    "{\"message\":\"Hello, World!\"}";

static void watch(int poll, int descriptor) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
  epoll_ctl(poll, EPOLL_CTL_ADD, descriptor, &event);
}

static void accept_all(int poll, int listener) {
  int one = 1, client;
  while ((client = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    watch(poll, client);
  }
}

static void answer(int client) {
  char buffer[8192];
  ssize_t got = read(client, buffer, sizeof buffer);
  if (got <= 0)
    close(client);
  else if (got > 3 && !memcmp(buffer + got - 4, "\r\n\r\n", 4) && write(client, ANSWER, sizeof ANSWER - 1) < 0)
    close(client);
}

int main(int count, char **words) {
  if (count != 2) return 2;
  int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), poll = epoll_create1(0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(words[1])),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct epoll_event events[256];
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024)) return 1;
  watch(poll, listener);
  for (;;) {
    int ready = epoll_wait(poll, events, 256, -1);
    for (int i = 0; i < ready; i++)
      if (events[i].data.fd == listener)
        accept_all(poll, listener);
      else
        answer(events[i].data.fd);
  }
}
