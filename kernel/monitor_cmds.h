/*
 * The monitor's commands.
 */
#ifndef KERNEL_MONITOR_CMDS_H
#define KERNEL_MONITOR_CMDS_H

#include "kernel/types.h"

/*
 *   argc: words, the command's name included.
 * Returns false when the words make no sense; a usage line follows.
 */
typedef bool command_fn(unsigned argc, char **argv);

/*
 * Read a word as a number, decimal or 0x.
 *   what: "frame", for the complaint.
 *   limit: it must be below.
 * Returns false, having complained, if it is not such a number.
 */
bool monitor_number(const char *word, const char *what, uint64_t limit,
    uint64_t *value);

/* kernel/monitor_cmds.c */
command_fn cmd_cpus, cmd_ps, cmd_counters, cmd_bt, cmd_test;
command_fn cmd_sendfile, cmd_panic, cmd_exit;

/* kernel/monitor_mem.c */
command_fn cmd_mem, cmd_pages, cmd_kva, cmd_pt, cmd_peek;
command_fn cmd_sfbufs, cmd_map, cmd_unmap;

/* kernel/monitor_disk.c */
command_fn cmd_ls, cmd_cat, cmd_sum;

#endif
