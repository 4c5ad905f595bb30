"""What is touched of aiortc 1.16 and aioice 0.13 although it is private."""

# Attribute names by where they live: what the test of the pinned versions checks.
PRIVATE = {
    "RTCIceGatherer": ("_connection",),
    "RTCDtlsTransport": (
        "_handle_rtp_data",
        "_handle_rtcp_data",
        "_send_rtp",
        "_RTCDtlsTransport__rx_packets",
    ),
    "RTCRtpReceiver": ("_RTCRtpReceiver__remote_streams",),
    "StreamStatistics": (
        "packets_received",
        "packets_lost",
        "packets_expected",
        "jitter",
        "_clockrate",
    ),
    "RTCRtpTransceiver": ("_codecs",),
    "Connection": (
        "_check_list_done",
        "_closing",
        "_end_remote_candidates",
        "_local_candidates",
        "_local_candidates_end",
        "_local_candidates_start",
        "_nominated",
        "_pair_remote_candidate",
        "_protocols",
        "_remote_candidates",
        "_remote_candidates_end",
        "_remote_candidates_expected",
        "_remote_candidates_resolving",
        "_transport_policy",
        "build_request",
        "get_component_candidates",
        "sort_check_list",
    ),
    "TurnTransport": ("_TurnTransport__inner_protocol",),
}
