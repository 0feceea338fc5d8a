/* A fragment of C in a document as a program: FRAGMENT is its file. What it leaves to the reader stands here. */
#include <culvert/culvert.h>
#include <stdbool.h>
#include <stdio.h>

enum { WIDTH = 320, HEIGHT = 240, FRAMES = 30 };

uint8_t pixels[WIDTH * HEIGHT * 4], buffer[4 << 20];
const size_t pixels_size = sizeof pixels;
static unsigned frames, packets;

int complain(const char *why)
{
    fprintf(stderr, "%s\n", why);
    return 1;
}

bool game_runs(struct culvert_frame *frame)
{
    frame->width = WIDTH;
    frame->height = HEIGHT;
    frame->pts = frames * INT64_C(1000000) / 60;
    pixels[frames]++;
    return frames++ < FRAMES;
}

void send(const void *data, size_t bytes)
{
    packets += data != NULL && bytes > 0;
}

static int fragment(void)
{
#include FRAGMENT
    return 0;
}

int main(void)
{
    if (fragment() != 0)
        return 1;
    printf("%u packets\n", packets);
    return packets == 0;
}
