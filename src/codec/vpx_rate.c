#include "codec/vpx_rate.h"

#include "codec/vpx_layers.h"

#define SPEEDS 11
#define BUFFER_MS 1000    /* the largest buffer: of more, libvpx spends most in a second */
#define BUFFER_PICTURES 2 /* the smallest: in less, VP9 leaves some of the bitrate unused */
#define INTRA_PERCENT 300 /* the least that a key frame may take, as WebRTC has it */
#define OPTIMAL 0.6       /* of the buffer */

/* Below zero VP8 keeps its speed, whatever the clock says; from 8 to 11, and above 15, it saves nothing. VP9's realtime
 * speeds begin at 5; below it libvpx 1.12 reads memory that it never wrote when the speed changes live. */
static const int vp8_speeds[SPEEDS] = {-1, -2, -3, -4, -5, -6, -7, -8, -12, -14, -15};
static const int vp9_speeds[SPEEDS] = {5, 5, 5, 6, 6, 6, 7, 7, 8, 8, 9};

/* Percent of the bitrate that each layer and those below it have, as WebRTC divides it. A spare layer has as many
 * pictures as the one in use. */
static const uint32_t shares[][3] = {{100}, {60, 100}, {40, 60, 100}}, spared[] = {50, 100};

static double frames_per_second(const struct codec_rate *rate)
{
    return (double)rate->fps_num / rate->fps_den;
}

void cbr_share(vpx_codec_enc_cfg_t *cfg, uint32_t bitrate)
{
    const uint32_t *const percent = layers_spare(cfg) ? spared : shares[cfg->ts_number_layers - 1];
    unsigned below = 0;
    for (unsigned i = 0; i < cfg->ts_number_layers; i++) {
        /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): there are as many percents as layers. */
        const unsigned wanted = (bitrate * percent[i] + 99) / 100;
        below = wanted > below ? wanted : below + 1; /* libvpx wants them to rise */
        cfg->ts_target_bitrate[i] = cfg->layer_target_bitrate[i] = below;
    }
}

static double buffer_ms(const struct codec_rate *rate)
{
    const double least = BUFFER_PICTURES * 1000 / frames_per_second(rate);
    const double wanted = rate->burst_ms > least ? rate->burst_ms : least;
    return wanted < BUFFER_MS ? wanted : BUFFER_MS;
}

void cbr_configure(vpx_codec_enc_cfg_t *cfg, const struct codec_rate *rate, double fill)
{
    const double ms = buffer_ms(rate) * (layers_spare(cfg) ? 2 : 1); /* of half the bitrate */
    cfg->rc_target_bitrate = rate->bitrate_kbps;
    cfg->rc_buf_sz = (unsigned)(ms + 0.5);
    cfg->rc_buf_optimal_sz = (unsigned)(ms * OPTIMAL + 0.5);
    cfg->rc_buf_initial_sz = (unsigned)(ms * OPTIMAL * fill + 0.5);
    cbr_share(cfg, rate->bitrate_kbps);
}

int cbr_max_intra(const struct codec_rate *rate)
{
    const double percent = buffer_ms(rate) * frames_per_second(rate) / 10;
    return percent > INTRA_PERCENT ? (int)percent : INTRA_PERCENT;
}

unsigned long cbr_interval(const struct codec_rate *rate)
{
    return (unsigned long)(CBR_TIMEBASE / frames_per_second(rate) + 0.5);
}

int cbr_cpu_used(bool vp9, int32_t speed)
{
    return vp9 ? vp9_speeds[speed] : vp8_speeds[speed];
}
