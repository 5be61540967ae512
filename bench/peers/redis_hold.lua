-- Holds in Redis: a counter, a hash for each hold, a sorted set of when they lapse;
-- one script, so nothing comes in between (redis.io documentation, "Scripting with
-- Lua": atomic execution; EVALSHA). KEYS: the tier's counter. ARGV: buyer, quantity.
local left = tonumber(redis.call('GET', KEYS[1]))
local quantity = tonumber(ARGV[2])
if left < quantity then
	return redis.error_reply('SOLDOUT ' .. left)
end
redis.call('DECRBY', KEYS[1], quantity)
local id = redis.call('INCR', 'order_ids')
redis.call('HSET', 'order:' .. id, 'buyer', ARGV[1], 'tier', KEYS[1], 'quantity', quantity,
	'status', 'PENDING', 'total', 10 * quantity)
redis.call('ZADD', 'holds', redis.call('TIME')[1] + 900, id)
return id
