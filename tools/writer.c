#include "writer.h"

int writer_open(struct writer *writer, const char *path, char why[OUTPUT_WHY])
{
    *writer = (struct writer){0};
    return path ? output_open(&writer->output, path, why) : 0;
}

void writer_begin(struct writer *writer, const char *fourcc)
{
    writer->ivf = (struct ivf){.fourcc = fourcc};
}

int writer_write(struct writer *writer, const void *data, size_t bytes, const struct culvert_packet *packet,
                 char why[OUTPUT_WHY])
{
    if (!writer->output.path)
        return 0;
    if (writer->ivf.fourcc)
        return ivf_write(&writer->ivf, &writer->output, data, bytes, packet, why);
    return output_write(&writer->output, data, bytes, why);
}

int writer_close(struct writer *writer, int64_t end, char why[OUTPUT_WHY])
{
    char unsaid[OUTPUT_WHY];
    if (!writer->output.path)
        return 0;
    const int ended = writer->ivf.fourcc ? ivf_end(&writer->ivf, &writer->output, end, why) : 0;
    const int closed = output_close(&writer->output, ended < 0 ? unsaid : why);
    return ended < 0 ? ended : closed;
}
