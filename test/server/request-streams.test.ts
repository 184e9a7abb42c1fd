import test from 'ava'
import { KmipError } from '../../spec/kmip-error.ts'
import type { RequestMessage } from '../../src/messages/index.ts'
import type { Partition } from '../../src/partitions/index.ts'
import { type NodeStreams, StreamRequests } from '../../src/server/request-streams.ts'
import type { StreamOwner } from '../../src/server/stream-table.ts'

/** Streams that number their parts. */
class FakeNode implements NodeStreams {
  readonly taken: string[] = []
  readonly dropped: string[] = []
  #parts = 0

  async open(owner: StreamOwner) {
    this.taken.push(`open ${owner.operation}`)
    return { correlationValue: Uint8Array.of(this.taken.length), data: Uint8Array.of(++this.#parts) }
  }

  async part(correlationValue: Uint8Array, _owner: StreamOwner, { place }: { readonly place: string }) {
    this.taken.push(`${place} ${correlationValue[0]}`)
    return { data: Uint8Array.of(++this.#parts) }
  }

  async drop(correlationValue: Uint8Array): Promise<void> {
    this.dropped.push(`${correlationValue[0]}`)
    throw new KmipError('InvalidCorrelationValue', 'its process is gone')
  }
}

const who = { tenant: 'demo', user: 'app' }
const encrypt = { operation: 'Encrypt', uniqueIdentifier: 'key' } as const
const partition = { streams: {} } as unknown as Partition
const never = () => Promise.reject(new Error('the fake does not begin'))

function bench() {
  const node = new FakeNode()
  const requests = new StreamRequests(node)
  const message = {} as RequestMessage
  return { node, requests, message, run: () => requests.run(message, who, partition) }
}

const [one, two, three] = [Uint8Array.of(11), Uint8Array.of(12), Uint8Array.of(13)]

test('a request that runs again has the answers of its first run, the IV too, and no part is taken twice', async (t) => {
  const { node, requests, message, run } = bench()
  const first = run()
  const iv = Uint8Array.of(1)
  const begun = await first.open(encrypt, never, { data: one, iv })
  const part = await first.next(three, encrypt, two)
  const end = await first.last(three, encrypt, two)
  t.is(requests.finished(message, first), undefined)

  const again = run()
  t.is(await again.open(encrypt, never, { data: one, iv: Uint8Array.of(2) }), begun)
  t.is(begun.iv, iv)
  t.is(await again.next(three, encrypt, two), part)
  t.is(await again.last(three, encrypt, two), end)
  t.is(requests.finished(message, again), undefined)
  t.deepEqual(node.taken, ['open Encrypt', 'next 13', 'last 13'])
  t.deepEqual(node.dropped, [])
})

test('parts that look alike are each taken, in one run; another request begins afresh', async (t) => {
  const { node, requests, run } = bench()
  const first = run()
  const gave = [await first.next(three, encrypt, one), await first.next(three, encrypt, one)]
  t.not(gave[0], gave[1])
  const again = run()
  t.deepEqual([await again.next(three, encrypt, one), await again.next(three, encrypt, one)], gave)
  await requests.run({} as RequestMessage, who, partition).next(three, encrypt, one)
  t.is(node.taken.length, 3)
})

test('a part that a second run did not come to ends its stream: its answer went to nobody', async (t) => {
  const { node, requests, message, run } = bench()
  const first = run()
  await first.next(one, encrypt, three)
  await first.next(two, encrypt, three)
  const again = run()
  await again.next(two, encrypt, three)
  await requests.finished(message, again)
  t.deepEqual(node.dropped, ['11'])
})

test('an item that fails ends the streams of its own parts; a request that comes to nothing, all of them', async (t) => {
  const { node, requests, message, run } = bench()
  const only = run()
  await only.next(one, encrypt, three)
  const { mark } = only
  await only.next(two, encrypt, three)
  t.is(only.rollback(only.mark), undefined)
  await only.rollback(mark)
  t.deepEqual(node.dropped, ['12'])
  await requests.dropped(message)
  t.deepEqual(node.dropped, ['12', '11'])
  t.is(requests.dropped({} as RequestMessage), undefined)
})
