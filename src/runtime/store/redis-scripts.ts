import { ENTRY_COST, NO_ROOM } from '../../plugin/services.ts';

/**
 * What runs inside of Redis, each atomically; the first argument is always the prefix of all key names. Names are bytes as
 * they came; they end key names or are fields, so that none can be taken for another. One server or one with replicas:
 * a cluster would need all keys declared.
 *
 *     <p>data:<scope>      hash: key -> version (4 bytes, little-endian), value
 *     <p>bytes:<scope>     of keys, values and names of queues, with ENTRY_COST for each
 *     <p>queued:<scope>    the same of values in its queues
 *     <p>queues            hash: scope and name -> id
 *     <p>ids               hash: id -> scope and name
 *     <p>order             counter of registrations
 *     <p>queue:<id>        list of values
 *     <p>heard:<id>        sorted set of registrants, the last one on top: <client>:<receiver>
 *     <p>orphaned          hash: queues that lost all their registrants
 *     <p>calls:<client>    channel: queue, receiver, calls
 */
/** `owner`: the scope of a field of `queues`. */
const SCOPE = `
local function owner(field)
  local length, rest = string.match(field, '^(%d+):(.*)$')
  return string.sub(rest, 1, tonumber(length))
end
`;

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
local more = #value + #key + ${ENTRY_COST}
if old then more = #value - (#old - 4) end
local bytes = tonumber(redis.call('GET', p .. 'bytes:' .. scope) or '0')
if bytes + more > most then return -1 end
version = version + 1
if version > 4294967295 then version = 1 end
redis.call('HSET', p .. 'data:' .. scope, key, struct.pack('<I4', version) .. value)
redis.call('INCRBY', p .. 'bytes:' .. scope, more)
return 0`,

  /** prefix, field, member, again, maxBytes -> id or FULL, calls that are owed */
  register: `${SCOPE}
local p, field, member, again, most = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1', tonumber(ARGV[5])
local id = redis.call('HGET', p .. 'queues', field)
if not id then
  local scope = owner(field)
  local more = #field - #scope - #tostring(#scope) - 1 + ${ENTRY_COST}
  if tonumber(redis.call('GET', p .. 'bytes:' .. scope) or '0') + more > most then return {-1, 0} end
  redis.call('INCRBY', p .. 'bytes:' .. scope, more)
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

  /** prefix, id, member, calls that it was owed, died */
  leave: `${DELIVER}
local p, id, member, calls, died = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5] == '1'
local heard = p .. 'heard:' .. id
if redis.call('ZREM', heard, member) == 1 then
  -- Whoever takes the place of one that died may have come before this.
  if died then calls = math.max(calls, redis.call('LLEN', p .. 'queue:' .. id)) end
  if redis.call('ZCARD', heard) == 0 then redis.call('HSET', p .. 'orphaned', id, 1) end
end
if calls > 0 then deliver(p, id, calls) end
return 0`,

  /** prefix, id, value, maxLength, maxBytes -> status */
  enqueue: `${SCOPE}${DELIVER}
local p, id, value = ARGV[1], ARGV[2], ARGV[3]
local most, bytes = tonumber(ARGV[4]), tonumber(ARGV[5])
local field = redis.call('HGET', p .. 'ids', id)
if not field then return 1 end
if redis.call('LLEN', p .. 'queue:' .. id) >= most then return -1 end
local queued = p .. 'queued:' .. owner(field)
local more = #value + ${ENTRY_COST}
if tonumber(redis.call('GET', queued) or '0') + more > bytes then return ${NO_ROOM} end
redis.call('RPUSH', p .. 'queue:' .. id, value)
redis.call('INCRBY', queued, more)
deliver(p, id, 1)
return 0`,

  /** prefix, id -> value or status */
  dequeue: `${SCOPE}
local p, id = ARGV[1], ARGV[2]
local field = redis.call('HGET', p .. 'ids', id)
if not field then return 1 end
local value = redis.call('LPOP', p .. 'queue:' .. id)
if not value then return 7 end
redis.call('DECRBY', p .. 'queued:' .. owner(field), #value + ${ENTRY_COST})
return value`,
} as const;

export type Script = keyof typeof SCRIPTS;
