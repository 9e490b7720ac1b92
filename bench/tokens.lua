-- SPDX-License-Identifier: Apache-2.0
-- For wrk: asks for ROUTES routes in turn, each time with the next token of a file with one a line:
--     wrk -s tokens.lua URL -- FILE ROUTES
local requests, position = {}, 0

function init(arguments)
	local routes, i = tonumber(arguments[2]), 0
	for token in io.lines(arguments[1]) do
		local headers = { ["Authorization"] = "Bearer " .. token }
		requests[i + 1] = wrk.format("GET", string.format("/r%05d/bytes/1024", i % routes), headers)
		i = i + 1
	end
end

function request()
	position = (position + 7919) % #requests
	return requests[position + 1]
end
