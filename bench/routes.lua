-- SPDX-License-Identifier: Apache-2.0
-- For wrk: asks for ASKED of COUNT routes in turn, spread evenly over them and far from the one before:
--     wrk -s routes.lua URL -- COUNT ASKED
-- Every request has the same length, whatever COUNT is.
local requests, position = {}, 0

function init(arguments)
	local count, asked = tonumber(arguments[1]), tonumber(arguments[2])
	for i = 1, asked do
		local route = math.floor((i - 1) * count / asked)
		requests[i] = wrk.format("GET", string.format("/r%05d/bytes/1024", route))
	end
end

function request()
	position = (position + 7919) % #requests
	return requests[position + 1]
end
