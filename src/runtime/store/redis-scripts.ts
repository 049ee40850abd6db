/**
 * What runs inside of Redis, each atomically; the first argument is always the prefix of all key names. Names are bytes as
 * they came; they end key names or are fields, so that none can be taken for another. One server or one with replicas:
 * a cluster would need all keys declared.
 *
 *     <p>data:<scope>      hash: key -> version (4 bytes, little-endian), value
 *     <p>bytes:<scope>     of keys and values
 *     <p>queues            hash: scope and name -> id
 *     <p>ids               hash: id -> scope and name
 *     <p>order             counter of registrations
 *     <p>queue:<id>        list of values
 *     <p>heard:<id>        sorted set of registrants, the last one on top: <client>:<receiver>
 *     <p>orphaned          hash: queues that lost all their registrants
 *     <p>calls:<client>    channel: queue, receiver, calls
 */
const DELIVER = `
local function deliver(p, id, calls)
  local lost = false
  while true do
    local top = redis.call('ZREVRANGE', p .. 'heard:' .. id, 0, 0)[1]
    if not top then
      if lost then redis.call('HSET', p .. 'orphaned', id, 1) end
      return
    end
    local client, receiver = string.match(top, '^(%x+):(%d+)$')
    if redis.call('PUBLISH', p .. 'calls:' .. client, id .. ' ' .. receiver .. ' ' .. calls) > 0 then return end
    -- Nobody listens: it has died, and may not have seen to what it heard of.
    redis.call('ZREM', p .. 'heard:' .. id, top)
    lost = true
    calls = redis.call('LLEN', p .. 'queue:' .. id)
  end
end
`;

export const SCRIPTS = {
  /** prefix, scope, key, value, cas, maxBytes -> status */
  set: `
local p, scope, key, value = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local cas, most = tonumber(ARGV[5]), tonumber(ARGV[6])
local old = redis.call('HGET', p .. 'data:' .. scope, key)
local version = 0
if old then version = struct.unpack('<I4', old) end
if cas ~= 0 and cas ~= version then return 8 end
local more = #value + #key
if old then more = #value - (#old - 4) end
local bytes = tonumber(redis.call('GET', p .. 'bytes:' .. scope) or '0')
if bytes + more > most then return -1 end
version = version + 1
if version > 4294967295 then version = 1 end
redis.call('HSET', p .. 'data:' .. scope, key, struct.pack('<I4', version) .. value)
redis.call('INCRBY', p .. 'bytes:' .. scope, more)
return 0`,

  /** prefix, field, member, again -> id, calls that are owed */
  register: `
local p, field, member, again = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1'
local id = redis.call('HGET', p .. 'queues', field)
if not id then
  -- Of the name, not counted up: guests keep it when a server comes back empty.
  id = tonumber(string.sub(redis.sha1hex(field), 1, 8), 16)
  while id == 0 or redis.call('HEXISTS', p .. 'ids', id) == 1 do id = (id + 1) % 4294967296 end
  redis.call('HSET', p .. 'queues', field, id)
  redis.call('HSET', p .. 'ids', id, field)
end
local heard = p .. 'heard:' .. id
if not again or not redis.call('ZSCORE', heard, member) then
  redis.call('ZADD', heard, redis.call('INCR', p .. 'order'), member)
end
local owed = redis.call('HDEL', p .. 'orphaned', id) == 1
if again and redis.call('ZREVRANGE', heard, 0, 0)[1] == member then owed = true end
return {tonumber(id), owed and redis.call('LLEN', p .. 'queue:' .. id) or 0}`,

  /** prefix, id, member, calls that it was owed */
  leave: `${DELIVER}
local p, id, member, calls = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
redis.call('ZREM', p .. 'heard:' .. id, member)
if calls > 0 then deliver(p, id, calls) end
return 0`,

  /** prefix, id, value, maxLength -> status */
  enqueue: `${DELIVER}
local p, id, value, most = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
if redis.call('HEXISTS', p .. 'ids', id) == 0 then return 1 end
if redis.call('LLEN', p .. 'queue:' .. id) >= most then return -1 end
redis.call('RPUSH', p .. 'queue:' .. id, value)
deliver(p, id, 1)
return 0`,

  /** prefix, id -> value or status */
  dequeue: `
local p, id = ARGV[1], ARGV[2]
local value = redis.call('LPOP', p .. 'queue:' .. id)
if value then return value end
return redis.call('HEXISTS', p .. 'ids', id) == 1 and 7 or 1`,
} as const;

export type Script = keyof typeof SCRIPTS;
