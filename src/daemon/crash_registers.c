#include "daemon/crash_registers.h"

#include <string.h>

struct place {
    char name[8];
    size_t offset; /* in mcontext_t */
};
#define AT(name, place)                   \
    {                                     \
        name, offsetof(mcontext_t, place) \
    }

#if defined(__x86_64__) && !defined(__ILP32__)

typedef greg_t word;
const char registers_architecture[] = "x86-64";
#define PC gregs[REG_RIP]
#define STACK gregs[REG_RSP]
static const struct place places[] = {
    AT("rax", gregs[REG_RAX]), AT("rbx", gregs[REG_RBX]),    AT("rcx", gregs[REG_RCX]), AT("rdx", gregs[REG_RDX]),
    AT("rsi", gregs[REG_RSI]), AT("rdi", gregs[REG_RDI]),    AT("rbp", gregs[REG_RBP]), AT("rsp", gregs[REG_RSP]),
    AT("r8", gregs[REG_R8]),   AT("r9", gregs[REG_R9]),      AT("r10", gregs[REG_R10]), AT("r11", gregs[REG_R11]),
    AT("r12", gregs[REG_R12]), AT("r13", gregs[REG_R13]),    AT("r14", gregs[REG_R14]), AT("r15", gregs[REG_R15]),
    AT("rip", gregs[REG_RIP]), AT("rflags", gregs[REG_EFL]),
};

#elif defined(__i386__)

typedef uint32_t word;
const char registers_architecture[] = "i386";
#define PC gregs[REG_EIP]
#define STACK gregs[REG_ESP]
static const struct place places[] = {
    AT("eax", gregs[REG_EAX]), AT("ebx", gregs[REG_EBX]),    AT("ecx", gregs[REG_ECX]), AT("edx", gregs[REG_EDX]),
    AT("esi", gregs[REG_ESI]), AT("edi", gregs[REG_EDI]),    AT("ebp", gregs[REG_EBP]), AT("esp", gregs[REG_ESP]),
    AT("eip", gregs[REG_EIP]), AT("eflags", gregs[REG_EFL]),
};

#elif defined(__arm__)

typedef unsigned long word;
const char registers_architecture[] = "arm";
#define PC arm_pc
#define LINK arm_lr
static const struct place places[] = {
    AT("r0", arm_r0), AT("r1", arm_r1), AT("r2", arm_r2), AT("r3", arm_r3), AT("r4", arm_r4),     AT("r5", arm_r5),
    AT("r6", arm_r6), AT("r7", arm_r7), AT("r8", arm_r8), AT("r9", arm_r9), AT("r10", arm_r10),   AT("fp", arm_fp),
    AT("ip", arm_ip), AT("sp", arm_sp), AT("lr", arm_lr), AT("pc", arm_pc), AT("cpsr", arm_cpsr),
};

#elif defined(__aarch64__)

typedef uint64_t word;
const char registers_architecture[] = "aarch64";
#define PC pc
#define LINK regs[30]
static const struct place places[] = {
    AT("x0", regs[0]),   AT("x1", regs[1]),   AT("x2", regs[2]),   AT("x3", regs[3]),    AT("x4", regs[4]),
    AT("x5", regs[5]),   AT("x6", regs[6]),   AT("x7", regs[7]),   AT("x8", regs[8]),    AT("x9", regs[9]),
    AT("x10", regs[10]), AT("x11", regs[11]), AT("x12", regs[12]), AT("x13", regs[13]),  AT("x14", regs[14]),
    AT("x15", regs[15]), AT("x16", regs[16]), AT("x17", regs[17]), AT("x18", regs[18]),  AT("x19", regs[19]),
    AT("x20", regs[20]), AT("x21", regs[21]), AT("x22", regs[22]), AT("x23", regs[23]),  AT("x24", regs[24]),
    AT("x25", regs[25]), AT("x26", regs[26]), AT("x27", regs[27]), AT("x28", regs[28]),  AT("x29", regs[29]),
    AT("x30", regs[30]), AT("sp", sp),        AT("pc", pc),        AT("pstate", pstate),
};

#else

typedef uintptr_t word;
const char registers_architecture[] = "other";
static const struct place places[1];
#define NO_REGISTERS

#endif

#ifdef NO_REGISTERS
const size_t registers_count = 0;
#else
const size_t registers_count = sizeof places / sizeof places[0];
#endif

const char *register_name(size_t i)
{
    return places[i].name;
}

static uint64_t word_at(const void *place)
{
    word value;
    memcpy(&value, place, sizeof value);
    return (uint64_t)value;
}

uint64_t register_value(const ucontext_t *context, size_t i)
{
    return word_at((const char *)&context->uc_mcontext + places[i].offset);
}

uint64_t register_pc(const ucontext_t *context)
{
#ifdef PC
    return word_at(&context->uc_mcontext.PC);
#else
    (void)context;
    return 0;
#endif
}

uint64_t register_return(const ucontext_t *context)
{
#if defined(LINK)
    return word_at(&context->uc_mcontext.LINK);
#elif defined(STACK)
    return word_at((const void *)(uintptr_t)context->uc_mcontext.STACK);
#else
    (void)context;
    return 0;
#endif
}
