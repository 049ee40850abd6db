/** A machine of test/runtime/store/redis.test.ts: increments a key by its version. */
import { workerData } from 'node:worker_threads';
import { RedisStore } from '../../../src/runtime/store/redis.ts';
import { MemoryLog } from '../../support/log.ts';

const { url, count } = workerData as { url: string; count: number };
const store = await RedisStore.start({ url, timeout: 5000, log: new MemoryLog() });
for (let i = 0; i < count; ) {
  const old = store.get('s', 'n');
  if (typeof old === 'number') throw new Error(`get: ${old}`);
  const next = Buffer.alloc(4);
  next.writeUInt32LE(Buffer.from(old.value).readUInt32LE() + 1);
  const status = store.set('s', 'n', next, old.cas, 1000);
  if (status === 0) i++;
  else if (status !== 8) throw new Error(`set: ${status}`);
}
await store.close();
