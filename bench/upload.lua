-- SPDX-License-Identifier: Apache-2.0
-- For wrk: uploads of 64 KiB.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/octet-stream"
wrk.body = string.rep("gatehouse", 65536 / 9 + 1):sub(1, 65536)
