/* A host that does what culvert_commit forbids: with "after" it writes into the memory that it has given back. With
 * "before" it does nothing wrong. */
#include <stdint.h>
#include <string.h>

#include "culvert/culvert.h"

int main(int argc, char **argv)
{
    const int after = argc > 1 && strcmp(argv[1], "after") == 0;
    struct culvert_config config = {.size = sizeof config, .codec = CULVERT_CODEC_NULL, .fps_num = 60, .fps_den = 1};
    const struct culvert_frame frame = {.size = sizeof frame, .format = CULVERT_FORMAT_BGRA, .width = 64, .height = 48};
    culvert_session session;
    culvert_loan loan;
    void *data;
    size_t size;
    if (culvert_open(&config, &session, NULL, 0) < 0 ||
        culvert_lease(session, frame.format, frame.width, frame.height, &loan, &data, &size) < 0)
        return 2;
    memset(data, 1, size);
    if (culvert_commit(loan, &frame) < 0)
        return 2;
    if (after)
        ((volatile uint8_t *)data)[size / 2] = 2;
    return culvert_close(session) < 0 ? 2 : 0;
}
