import pytest

from peerdeck.core import quantities as q


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (q.bytes_text(0), "0 B"),
        (q.bytes_text(840), "840 B"),
        (q.bytes_text(999.6), "1.0 kB"),
        (q.rate_text(3_100_000), "3.1 MB/s"),
        (q.bytes_text(123_456), "123 kB"),
        (q.bytes_text(999_960), "1.0 MB"),
        (q.bitrate_text(1_250_000), "1.2 Mbps"),
        (q.bitrate_text(0), "0 bps"),
        (q.milliseconds_text(0.42), "0.4 ms"),
        (q.milliseconds_text(48.3), "48 ms"),
        (q.milliseconds_text(9.96), "10 ms"),
        (q.milliseconds_text(5210), "5.2 s"),
        (q.countdown_text(271), "4:31"),
        (q.countdown_text(7322), "2:02:02"),
        (q.countdown_text(-5), "0:00"),
        (q.age_text(5), "just now"),
        (q.age_text(90), "1 min ago"),
        (q.age_text(7200), "2 h ago"),
        (q.age_text(260_000), "3 d ago"),
    ],
)
def test_reads_as_people_write(text, expected):
    assert text == expected
