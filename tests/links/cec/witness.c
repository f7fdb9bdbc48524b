/* What a C compiler makes of the kernel's own header; test_cec.py compares. */
#include <stdio.h>
#include <string.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <linux/cec.h>
static void dump(const void *p, size_t n) { for (size_t i = 0; i < n; i++) printf("%02x", ((unsigned char *)p)[i]); puts(""); }
int main(void) {
    printf("%lu %lu %lu %lu %lu %lu %lu %lu\n", (unsigned long)CEC_ADAP_G_CAPS, (unsigned long)CEC_ADAP_G_PHYS_ADDR,
        (unsigned long)CEC_ADAP_G_LOG_ADDRS, (unsigned long)CEC_ADAP_S_LOG_ADDRS, (unsigned long)CEC_TRANSMIT,
        (unsigned long)CEC_RECEIVE, (unsigned long)CEC_DQEVENT, (unsigned long)CEC_S_MODE);
    struct cec_msg m; memset(&m, 0, sizeof m);
    m.len = 2; m.timeout = 900; m.msg[0] = 0x40; m.msg[1] = 0x8f; m.reply = 0x90;
    dump(&m, sizeof m);
    m.tx_ts = 0x1122334455667788ULL; m.len = 3; m.sequence = 7; m.rx_status = CEC_RX_STATUS_OK; m.tx_status = CEC_TX_STATUS_OK;
    m.msg[0] = 0x04; m.msg[1] = 0x90; m.msg[2] = 0x01; m.tx_nack_cnt = 3;
    dump(&m, sizeof m);
    struct cec_log_addrs a; memset(&a, 0, sizeof a);
    a.cec_version = CEC_OP_CEC_VERSION_1_4; a.num_log_addrs = 1; a.vendor_id = CEC_VENDOR_ID_NONE; strcpy(a.osd_name, "Sluis");
    a.primary_device_type[0] = CEC_OP_PRIM_DEVTYPE_PLAYBACK; a.log_addr_type[0] = CEC_LOG_ADDR_TYPE_PLAYBACK;
    a.all_device_types[0] = CEC_OP_ALL_DEVTYPE_PLAYBACK;
    dump(&a, sizeof a);
    printf("%zu %zu %zu %d\n", sizeof(struct cec_event), offsetof(struct cec_event, state_change), sizeof(struct cec_caps),
        CEC_MODE_INITIATOR | CEC_MODE_FOLLOWER);
    return 0;
}
