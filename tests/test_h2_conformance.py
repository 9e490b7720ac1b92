# SPDX-License-Identifier: Apache-2.0
"""What RFC 9113 asks of a server in sections 3.4 to 8, each requirement that one can break on its own.

A row of the table in h2_rules.py is one requirement: frames to send on a new connection, and what must come. This list
says where each stands, what its row is called, and what is required; `test_the_list_is_the_table` keeps both alike.

212 requirements:

    3.4    preface_of_something_else                         What is not the preface ends the connection
    3.4    preface_without_settings                          The preface is followed by SETTINGS and nothing else
    3.4    preface_with_a_request                            A client need not wait for the server's SETTINGS
    4.1    frame_of_an_unknown_type                          Ignored, on any stream
    4.1    undefined_flags                                   Ignored
    4.1    reserved_bit                                      Ignored
    4.2    frame_of_16384_bytes                              So much every endpoint takes
    4.2    data_too_large                                    FRAME_SIZE_ERROR of the stream at least
    4.2    headers_too_large                                 FRAME_SIZE_ERROR of the connection
    4.2    continuation_too_large                            The same
    4.2    settings_too_large                                The same
    4.2    unknown_frame_too_large                           The same: the size comes before the type
    4.2    headers_too_short_for_padding                     Too small for what its flags promise
    4.2    headers_too_short_for_priority                    The same
    4.2    data_too_short_for_padding                        The same
    4.2    answer_in_frames_of_our_size                      No frame is larger than the client takes
    4.2    answer_in_larger_frames                           The same, when it takes more
    4.3    field_block_truncated                             COMPRESSION_ERROR of the connection
    4.3    field_block_index_zero                            The same (RFC 7541 section 6.1)
    4.3    field_block_index_beyond                          The same (2.3.3)
    4.3    field_block_integer_too_large                     The same (5.1)
    4.3    field_block_huffman_padding                       The same (5.2)
    4.3    field_block_huffman_end                           The same (5.2)
    4.3    field_block_table_too_large                       The same (6.3)
    4.3    field_block_table_change_within                   The same (4.2)
    4.3    field_block_ends_within_continuations             The same, where the block is in several frames
    4.3    field_block_of_a_refused_request                  It changes the table like any other
    4.3    field_block_table_of_ours                         The server's encoder keeps to the client's table size
    4.3    field_block_interrupted_by_data                   Nothing stands between HEADERS and CONTINUATION
    4.3    field_block_interrupted_by_headers                The same
    4.3    field_block_interrupted_by_another_stream         The same
    4.3    field_block_interrupted_by_priority               The same
    4.3    field_block_interrupted_by_reset                  The same
    4.3    field_block_interrupted_by_settings               The same
    4.3    field_block_interrupted_by_ping                   The same
    4.3    field_block_interrupted_by_window_update          The same
    4.3    field_block_interrupted_by_goaway                 The same
    4.3    field_block_interrupted_by_anothers_continuation  The same
    5.1    idle_stream_data                                  Idle: only HEADERS and PRIORITY
    5.1    idle_stream_reset                                 The same
    5.1    idle_stream_window_update                         The same
    5.1    half_closed_stream_data                           Half closed by the client: STREAM_CLOSED
    5.1    half_closed_stream_headers                        The same
    5.1    half_closed_by_data                               The same, when DATA has closed it
    5.1    half_closed_by_trailers                           The same, when trailers have
    5.1    half_closed_stream_window_update                  Allowed there
    5.1    half_closed_stream_priority                       The same
    5.1    half_closed_stream_reset                          The same
    5.1    closed_stream_data                                Closed: an error, or taken for late; never another request
    5.1    closed_stream_headers                             The same
    5.1    closed_stream_window_update                       It may have been under way: ignored
    5.1    closed_stream_reset                               The same
    5.1    closed_stream_priority                            The same
    5.1    reset_stream_data                                 Behind the client's own RST_STREAM: as for a closed one
    5.1    reset_stream_headers                              The same
    5.1.1  stream_of_even_number                             A client's streams have odd numbers
    5.1.1  stream_of_lower_number                            And they rise
    5.1.1  stream_numbers_skipped                            Which does not mean one by one
    5.1.1  skipped_stream_is_not_idle                        What was passed over is closed
    5.1.2  streams_beyond_the_limit                          Refused, not processed; the others are served
    5.1.2  streams_that_are_over                             They do not count any more
    5.2    windows_are_given_back                            A body of any length comes through
    5.3    priority_of_headers                               Taken and ignored
    5.3    priority_of_an_idle_stream                        The same
    5.3    priority_update                                   The same (RFC 9218)
    5.4    goaway_tells_the_last_stream                      GOAWAY names the last stream processed; then the end
    5.4    reset_is_not_answered_by_reset                    RST_STREAM never answers RST_STREAM
    5.4    frames_behind_an_error                            What was under way then is no further error
    5.5    unknown_frame_within_a_field_block                There it is an error
    5.5    unknown_frame_on_a_closed_stream                  Ignored
    6.1    data_on_stream_0                                  PROTOCOL_ERROR of the connection
    6.1    data_padding_too_long                             The same
    6.1    data_padding_as_long_as_all                       Allowed: no content
    6.1    data_padding_is_no_body                           It is taken away
    6.1    data_padding_counts                               For the windows it is content, and comes back
    6.1    data_of_nothing                                   Allowed, also as the end
    6.2    headers_on_stream_0                               PROTOCOL_ERROR of the connection
    6.2    headers_padding_too_long                          The same
    6.2    headers_padding                                   It is taken away
    6.2    headers_padding_and_priority                      Both at once
    6.3    priority_on_stream_0                              PROTOCOL_ERROR of the connection
    6.3    priority_too_short                                FRAME_SIZE_ERROR of the stream
    6.3    priority_too_long                                 The same
    6.4    reset_on_stream_0                                 PROTOCOL_ERROR of the connection
    6.4    reset_too_short                                   FRAME_SIZE_ERROR of the connection
    6.4    reset_too_long                                    The same
    6.4    reset_ends_the_stream                             Nothing more comes on it
    6.5    settings_on_a_stream                              PROTOCOL_ERROR of the connection
    6.5    settings_ack_with_values                          FRAME_SIZE_ERROR of the connection
    6.5    settings_of_5_bytes                               The same
    6.5.2  settings_of_push_2                                PROTOCOL_ERROR of the connection
    6.5.2  settings_of_too_large_a_window                    FLOW_CONTROL_ERROR of the connection
    6.5.2  settings_of_the_largest_window                    Allowed
    6.5.2  settings_of_too_small_frames                      PROTOCOL_ERROR of the connection
    6.5.2  settings_of_too_large_frames                      The same
    6.5.2  settings_unknown                                  Ignored
    6.5.3  settings_repeated                                 Processed in their order: the last one holds
    6.5.3  settings_are_acknowledged                         Each frame of them
    6.5.3  settings_of_nothing                               Acknowledged too
    6.6    push_promise_of_a_client                          PROTOCOL_ERROR of the connection (8.4)
    6.7    ping_is_answered                                  With the same eight bytes, in order
    6.7    ping_answer_is_not_answered                       An ACK is no question
    6.7    ping_on_a_stream                                  PROTOCOL_ERROR of the connection
    6.7    ping_of_7_bytes                                   FRAME_SIZE_ERROR of the connection
    6.7    ping_of_9_bytes                                   The same
    6.8    goaway_on_a_stream                                PROTOCOL_ERROR of the connection
    6.8    goaway_too_short                                  FRAME_SIZE_ERROR of the connection
    6.8    goaway_of_the_client                              What is under way is finished
    6.9    window_update_of_nothing                          PROTOCOL_ERROR of the stream
    6.9    window_update_of_nothing_on_stream_0              Of the connection
    6.9    window_update_of_3_bytes                          FRAME_SIZE_ERROR of the connection
    6.9    window_update_of_5_bytes                          The same
    6.9    window_update_reserved_bit                        Ignored
    6.9.1  window_is_exceeded                                FLOW_CONTROL_ERROR
    6.9.1  window_of_a_stream_is_kept                        No byte more is sent than there is window
    6.9.1  window_of_the_connection_is_kept                  The same
    6.9.1  window_of_the_connection_is_shared                The same, by several streams
    6.9.1  window_of_a_stream_overflows                      Beyond 2^31-1: FLOW_CONTROL_ERROR of the stream
    6.9.1  window_of_the_connection_overflows                Of the connection
    6.9.1  window_of_the_connection_at_its_most              2^31-1 is allowed
    6.9.2  window_initial_raised                             It widens the windows of streams that are open
    6.9.2  window_negative                                   And narrows them, to less than nothing: that is waited for
    6.9.2  window_initial_is_the_streams                     The connection's window is no matter of SETTINGS
    6.9.2  window_initial_overflows                          FLOW_CONTROL_ERROR of the connection
    6.9.3  window_of_what_is_discarded                       Bodies that nobody takes give the connection's window back
    6.10   continuation_on_stream_0                          PROTOCOL_ERROR of the connection
    6.10   continuation_of_nothing                           Without HEADERS before it the same
    6.10   continuation_behind_the_end                       Behind END_HEADERS the same
    6.10   continuation_behind_another                       Behind one with END_HEADERS the same
    6.10   continuation_behind_data                          The same
    6.10   continuations                                     Several, also empty ones
    6.10   continuations_of_trailers                         The same of trailers
    7      error_code_unknown                                Of RST_STREAM: like any other
    7      error_code_unknown_of_goaway                      Of GOAWAY the same
    8.1    trailers                                          Allowed
    8.1    trailers_without_an_end                           Malformed
    8.1    trailers_with_pseudo_header                       The same
    8.1    trailers_with_status                              The same
    8.1    trailers_upper_case                               The same
    8.1    trailers_with_connection                          The same
    8.1    answer_without_a_body_to_head                     An answer that has none may tell a length
    8.1    answer_of_204                                     No content
    8.1    answer_of_304                                     The same
    8.1    answer_before_the_end                             A whole answer stands, whatever comes of the body
    8.1.1  length_without_a_body                             Content-Length is the sum of the DATA
    8.1.1  length_too_long                                   The same
    8.1.1  length_too_short                                  The same
    8.1.1  length_too_short_for_many                         The same
    8.1.1  length_too_long_for_many                          The same
    8.1.1  length_too_long_before_trailers                   The same
    8.1.1  length_of_no_number                               The same
    8.1.1  length_negative                                   The same
    8.1.1  length_twice                                      The same
    8.1.1  length_right                                      Passed on
    8.2    field_name_upper_case                             Malformed
    8.2.1  field_name_empty                                  The same
    8.2.1  field_name_with_a_space                           The same
    8.2.1  field_name_with_a_tab                             The same
    8.2.1  field_name_with_nul                               The same
    8.2.1  field_name_with_cr                                The same
    8.2.1  field_name_with_lf                                The same
    8.2.1  field_name_with_delete                            The same
    8.2.1  field_name_beyond_ascii                           The same
    8.2.1  field_name_with_a_colon                           The same, but at its beginning
    8.2.1  field_value_with_nul                              Malformed
    8.2.1  field_value_with_cr                               The same
    8.2.1  field_value_with_lf                               The same
    8.2.1  field_value_with_a_request                        The same: nothing is split
    8.2.1  field_value_begins_with_space                     The same
    8.2.1  field_value_begins_with_tab                       The same
    8.2.1  field_value_ends_with_space                       The same
    8.2.1  field_value_ends_with_tab                         The same
    8.2.1  field_value_empty                                 Allowed
    8.2.2  field_connection                                  What speaks of the connection is malformed
    8.2.2  field_proxy_connection                            The same
    8.2.2  field_keep_alive                                  The same
    8.2.2  field_transfer_encoding                           The same
    8.2.2  field_upgrade                                     The same
    8.2.2  field_te_of_gzip                                  TE is `trailers` and nothing else
    8.2.2  field_te_of_more                                  The same
    8.2.2  field_te_of_trailers                              Allowed
    8.2.3  cookie_crumbs                                     Joined by `; ` for an upstream that speaks HTTP/1.1
    8.3    pseudo_header_unknown                             Malformed
    8.3    pseudo_header_of_an_answer                        The same
    8.3    pseudo_header_behind_a_field                      The same
    8.3    pseudo_header_method_twice                        The same
    8.3    pseudo_header_scheme_twice                        The same
    8.3    pseudo_header_authority_twice                     The same
    8.3    pseudo_header_path_twice                          The same
    8.3.1  pseudo_header_method_missing                      Malformed
    8.3.1  pseudo_header_scheme_missing                      The same
    8.3.1  pseudo_header_path_missing                        The same
    8.3.1  pseudo_header_method_empty                        The same
    8.3.1  pseudo_header_scheme_empty                        The same
    8.3.1  pseudo_header_path_empty                          The same
    8.3    pseudo_header_upper_case                          Names are in lower case
    8.3.1  method_of_no_token                                No other line gets into the request line of HTTP/1.1
    8.3.1  path_without_a_slash                              Malformed
    8.3.1  path_of_a_star                                    Only for OPTIONS
    8.3.1  path_with_a_space                                 Malformed
    8.3.1  path_with_a_line_end                              The same
    8.3.1  authority_with_userinfo                           Malformed
    8.3.1  authority_with_a_space                            The same
    8.3.1  authority_and_another_host                        The same: one request, one host
    8.3.1  authority_and_the_same_host                       Allowed
    8.3.1  authority_is_missing_but_host                     Allowed
    8.3.1  authority_and_host_are_missing                    Malformed for a gateway
    8.3.1  authority_becomes_host                            For an upstream that speaks HTTP/1.1
    8.3.1  protocol_without_connect                          Malformed (RFC 8441 section 4)
    8.5    connect_with_scheme_and_path                      Malformed
    8.5    connect_without_authority                         The same
    8.5    connect_is_refused                                A gateway is no tunnel to anywhere

Where the RFC leaves a choice (an error of a stream may be told as one of the connection, section 5.4.1; a malformed
request may be answered before it is reset, section 8.1.1), each of them will do. After an error of a stream, and after
all that is none, the connection must serve on. Nothing of a malformed request may reach the upstream.

    H2_PEER=nghttpx pytest tests/test_h2_conformance.py     of nghttpx or nginx, to see that the suite is right
"""

from __future__ import annotations

import contextlib
import os
import re
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatehouse import Gateway, config_for
from h2_rules import ROWS, Guest, Row, Service, send_steps
from peers import Nginx, accepts, free_port
from tls import secure
from wire import Address, Connection, wait_until

LISTED = re.compile(r"^ {4}([3-8](?:\.\d+)*) +([a-z][a-z0-9_]+) {2,}\S.*$", re.MULTILINE)

# What these versions do otherwise: nghttpx 1.52 and nginx 1.22.
DEVIATIONS = {
    "nghttpx": """
        continuation_too_large stream_of_lower_number window_initial_overflows
        authority_with_userinfo authority_and_another_host connect_is_refused""",
    "nginx": """
        preface_without_settings field_block_truncated field_block_table_change_within
        field_block_ends_within_continuations idle_stream_data idle_stream_reset
        idle_stream_window_update half_closed_stream_headers half_closed_by_trailers
        frames_behind_an_error window_is_exceeded window_initial_overflows continuations_of_trailers
        trailers field_name_beyond_ascii field_value_begins_with_space field_value_begins_with_tab
        field_value_ends_with_space field_value_ends_with_tab field_connection
        field_proxy_connection field_keep_alive field_transfer_encoding field_upgrade
        field_te_of_gzip field_te_of_more pseudo_header_behind_a_field pseudo_header_method_empty
        pseudo_header_scheme_empty authority_with_userinfo authority_and_the_same_host""",
}


class House:
    """A server under test before its upstream."""

    def __init__(self, stack: contextlib.ExitStack, directory: Path, peer: str | None, wire: str):
        self.context: ssl.SSLContext | None = None
        self.wire = wire
        self.service = Service()
        stack.callback(self.service.upstream.stop)
        stack.callback(self.service.release)
        start = {None: self.start_gateway, "nghttpx": self.start_nghttpx, "nginx": self.start_nginx}[peer]
        self.address: Address = start(stack, directory)

    def start_gateway(self, stack: contextlib.ExitStack, directory: Path) -> Address:
        """The gateway, on a listener for prior knowledge or one with TLS."""
        config = config_for(self.service.upstream)
        config["listeners"]["main"]["protocols"] = ["h2", "h1"]
        if self.wire == "tls":
            config["listeners"]["main"]["tls"], self.context = secure(directory, "h2")
        gateway = Gateway(config, directory)
        stack.callback(gateway.stop)
        return gateway.address()

    def start_nghttpx(self, stack: contextlib.ExitStack, directory: Path) -> Address:
        """The same library in other hands."""
        port = free_port()
        process = subprocess.Popen(
            ["nghttpx", f"--frontend=127.0.0.1,{port};no-tls", "--conf=/dev/null", "--workers=1", "--no-ocsp",
             f"--backend=127.0.0.1,{self.service.upstream.port}", f"--errorlog-file={directory / 'errors'}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        stack.callback(process.wait)
        stack.callback(process.kill)
        wait_until(lambda: accepts(port), "nghttpx")
        return "127.0.0.1", port

    def start_nginx(self, stack: contextlib.ExitStack, directory: Path) -> Address:
        """Another implementation altogether."""
        port = free_port()
        nginx = Nginx(directory, directory, http=f"""
            server {{
                listen 127.0.0.1:{port} http2;
                lingering_close off;
                location / {{
                    proxy_pass http://127.0.0.1:{self.service.upstream.port};
                    proxy_request_buffering off;
                    proxy_http_version 1.1;
                    proxy_set_header Host $http_host;
                }}
            }}""")
        stack.callback(nginx.stop)
        return "127.0.0.1", port


@pytest.fixture(scope="module", params=["clear"] if "H2_PEER" in os.environ else ["clear", "tls"])
def house(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[House]:
    """For all rows that one process of pytest runs."""
    with contextlib.ExitStack() as stack:
        yield House(stack, tmp_path_factory.mktemp("conformance"), os.environ.get("H2_PEER"), request.param)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_requirement(house: House, row: Row, request: pytest.FixtureRequest) -> None:
    if row.name in DEVIATIONS.get(os.environ.get("H2_PEER", ""), "").split():
        pytest.xfail("known")
    house.service.hold()
    with Guest(house.service, house.address, house.context) as client:
        try:
            if row.starts:
                client.start()
            send_steps(client, row.send(client))
            row.expect.check(client)
        finally:
            house.service.release()


@pytest.mark.skipif("H2_PEER" in os.environ, reason="they still know the way, or speak HTTP/2 alone")
def test_upgrade_to_h2c_is_ignored(house: House) -> None:
    """Section 3.1: HTTP/1.1 has no way to HTTP/2 any more."""
    if house.wire == "tls":
        pytest.skip("ALPN decides there")
    with Connection(house.address) as client:
        client.send(b"GET /x HTTP/1.1\r\nHost: gw.test\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                    b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n")
        answer = client.read_answer()
        assert (answer.version, answer.status, answer.body) == ("HTTP/1.1", 200, b"GET /x 0")
        assert not answer.all("upgrade")


def test_the_list_is_the_table() -> None:
    """The header tells of every row, and of no other; and their number."""
    assert __doc__
    assert [name for _, name in LISTED.findall(__doc__)] == [row.name for row in ROWS]
    assert f"{len(ROWS)} requirements" in __doc__
