#include <inttypes.h>
#include <stdio.h>

#include "abi/abi.h"
#include "base/handle.h"
#include "base/log.h"
#include "remote/remote.h"
#include "session/config.h"
#include "session/session.h"

static struct handle_table sessions = HANDLE_TABLE_INIT;

int abi_enter(culvert_session handle, struct session **session)
{
    void *object;
    const int error = handle_acquire(&sessions, handle, &object);
    if (error < 0)
        return error;
    *session = object;
    return 0;
}

int abi_leave(culvert_session handle, int result)
{
    handle_release(&sessions, handle);
    return result;
}

int abi_refuse(culvert_session handle, struct session *session, const char *why)
{
    return abi_leave(handle, session_error(session, CULVERT_E_ARGUMENT, why));
}

int abi_enter_lender(culvert_loan number, enum loan_kind kind, struct loan **loan, culvert_session *handle,
                     struct session **session)
{
    int error = loan_claim(number, kind, loan);
    if (error < 0)
        return error;
    *handle = (*loan)->session;
    error = abi_enter(*handle, session);
    if (error == CULVERT_E_HANDLE)
        loan_end(number, *loan);
    else if (error < 0)
        loan_keep(number);
    return error;
}

int abi_insert(struct session *session, culvert_session *handle, char *why)
{
    const int error = handle_insert(&sessions, session, handle);
    if (error < 0) {
        snprintf(why, CODEC_WHY, "this process has %u sessions, the most there can be: close some", HANDLE_SLOTS);
        session_destroy(session);
    }
    return error;
}

static const struct carrier *carrier_of(const struct culvert_config *config)
{
    return config->endpoint[0] != '\0' ? &carrier_remote : &carrier_inside;
}

int abi_open(struct culvert_config *config, const struct codec *codec, culvert_session *handle, char *why)
{
    int error = config_resolve(config, why);
    if (error < 0)
        return error;
    if (codec == NULL) {
        snprintf(why, CODEC_WHY, "codec %" PRIu32 " is not in this build: culvert doctor lists those that are",
                 config->codec);
        return CULVERT_E_UNSUPPORTED;
    }
    struct session *session;
    error = session_open(config, codec, carrier_of(config), &session, why);
    if (error < 0)
        return error;
    error = abi_insert(session, handle, why);
    if (error < 0)
        return error;
    log_write(CULVERT_LOG_INFO, config->name, "opened: %s, %" PRIu32 " kb/s", codec->name, config->bitrate_kbps);
    return 0;
}

int culvert_open(const struct culvert_config *config, culvert_session *session, char *text, size_t text_size)
{
    char why[CODEC_WHY] = "";
    struct culvert_config ours;
    uint32_t handle;
    int error = session == NULL ? CULVERT_E_ARGUMENT : abi_read(&ours, sizeof ours, config);
    if (error < 0)
        snprintf(why, sizeof why,
                 "config is no struct culvert_config of this version or before, or session is NULL: "
                 "set config.size, and fields that this version does not know to 0");
    else
        /* Where it is encoded, there may be codecs that this build does not have. */
        error = abi_open(&ours, ours.endpoint[0] != '\0' ? codec_known(ours.codec) : codec_find(ours.codec), &handle,
                         why);
    abi_write_text(text, text_size, why);
    if (error == 0)
        *session = handle;
    return error;
}

static void wake(void *session)
{
    session_wake(session);
}

int culvert_close(culvert_session handle)
{
    void *object;
    const int error = handle_close(&sessions, handle, wake, &object);
    if (error < 0)
        return error;
    struct session *session = object;
    log_write(CULVERT_LOG_INFO, session->config.name, "closed");
    session_destroy(session);
    return 0;
}

int culvert_finish(culvert_session handle)
{
    ABI_ENTER(handle, session);
    return abi_leave(handle, session_finish(session));
}
