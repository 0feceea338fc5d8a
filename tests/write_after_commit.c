/* A host that does what culvert_commit forbids: with "after" it writes into the memory that it has given back, with
 * "closed" into memory that it gave back after the session's close, while it still holds another lease. With "before"
 * it does nothing wrong. */
#include <stdint.h>
#include <string.h>

#include "culvert/culvert.h"

int main(int argc, char **argv)
{
    const char *const when = argc > 1 ? argv[1] : "before";
    const int closed = strcmp(when, "closed") == 0;
    struct culvert_config config = {.size = sizeof config, .codec = CULVERT_CODEC_NULL, .fps_num = 60, .fps_den = 1};
    const struct culvert_frame frame = {.size = sizeof frame, .format = CULVERT_FORMAT_BGRA, .width = 64, .height = 48};
    culvert_session session;
    culvert_loan loans[2];
    void *data[2];
    size_t size;
    if (culvert_open(&config, &session, NULL, 0) < 0)
        return 2;
    for (int i = 0; i < 2; i++) {
        if (culvert_lease(session, frame.format, frame.width, frame.height, &loans[i], &data[i], &size) < 0)
            return 2;
        memset(data[i], 1, size);
    }
    if (closed && culvert_close(session) < 0)
        return 2;
    if (culvert_commit(loans[0], &frame) != (closed ? CULVERT_E_HANDLE : 0))
        return 2;
    if (strcmp(when, "before") != 0)
        ((volatile uint8_t *)data[0])[size / 2] = 2;
    memset(data[1], 2, size);
    culvert_abandon(loans[1]);
    return closed || culvert_close(session) == 0 ? 0 : 2;
}
