-- Adds a delivery. ARGV: id, event, URL, subject, page, owner, host, data.
local id, event, url, subject, page, owner, host, data = unpack(ARGV, 3)
add_delivery(id, event, url, subject, page, owner, host, data, '')
return 1
