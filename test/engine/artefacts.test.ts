import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Artefact, type Artefacts, KeptArtefacts } from '../../src/engine/artefacts.ts';

const artefact = (size: number): Artefact => ({ bytes: new Uint8Array(size), facts: { size } });

/** What a disk would do, and how often it was asked. */
class Disk implements Artefacts {
  readonly all = new Map<string, Artefact>();
  asked = 0;
  async get(key: string): Promise<Artefact | undefined> {
    this.asked++;
    return this.all.get(key);
  }
  async put(key: string, value: Artefact): Promise<void> {
    this.all.set(key, value);
  }
}

test('before anything was evicted, artefacts pass by to the disk and back', async () => {
  const disk = new Disk();
  const kept = new KeptArtefacts(disk);
  await kept.put('a', artefact(10));
  assert.equal(disk.all.size, 1);
  assert.deepEqual(await kept.get('a'), artefact(10));
  assert.equal(kept.peek('a'), undefined);
  assert.equal(kept.bytes, 0);
  kept.trim(0);
});

test('from then on what is put or read is kept, and the disk not asked again', async () => {
  const disk = new Disk();
  await disk.put('b', artefact(20));
  const kept = new KeptArtefacts(disk);
  kept.begin(1000);
  await kept.put('a', artefact(10));
  await kept.get('b');
  assert.equal(disk.asked, 1);
  assert.deepEqual([await kept.get('a'), await kept.get('b')], [artefact(10), artefact(20)]);
  assert.equal(disk.asked, 1);
  assert.deepEqual(kept.peek('b'), artefact(20));
  assert.equal(kept.bytes, 30);
  assert.equal(await kept.get('c'), undefined);
});

test('without a disk too, and never more than it may have, the oldest out first', async () => {
  const kept = new KeptArtefacts(undefined);
  kept.begin(100);
  for (const key of ['a', 'b', 'c']) await kept.put(key, artefact(40));
  assert.equal(kept.peek('a'), undefined);
  assert.equal(kept.bytes, 80);
  await kept.get('b');
  kept.trim(50);
  assert.equal(kept.peek('c'), undefined);
  assert.deepEqual(kept.peek('b'), artefact(40));
  await kept.put('large', artefact(101));
  assert.equal(kept.peek('large'), undefined);
  kept.trim(0);
  assert.equal(kept.bytes, 0);
});
