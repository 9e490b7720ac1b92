-- SPDX-License-Identifier: Apache-2.0
-- For wrk: asks for each of COUNT routes in turn, far from the one before:  wrk -s routes.lua URL -- COUNT
-- Every request has the same length, whatever COUNT is.
local requests, position = {}, 0

function init(arguments)
	for i = 1, tonumber(arguments[1]) do
		requests[i] = wrk.format("GET", string.format("/r%05d/bytes/1024", i - 1))
	end
end

function request()
	position = (position + 7919) % #requests
	return requests[position + 1]
end
