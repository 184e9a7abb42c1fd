import test from 'ava'
import { KmipError } from '../../spec/kmip-error.ts'
import type { OperationName } from '../../spec/operations.ts'
import { Delivery, type Request } from '../../src/client/delivery.ts'
import { ConnectionLost, OutcomeUnknown } from '../../src/client/index.ts'
import type { Node } from '../../src/client/node.ts'
import { repeatOf } from '../../src/client/safe-operations.ts'
import { encodeResponse, type RequestItem, type ResponseItem } from '../../src/messages/index.ts'

for (const [operation, more, repeat] of [
  ['Encrypt', {}, 'changes-nothing'],
  ['Encrypt', { payload: { initIndicator: true } }, 'may-change-twice'],
  ['Decrypt', { payload: { correlationValue: Buffer.of(1) } }, 'may-change-twice'],
  ['Locate', {}, 'changes-nothing'],
  ['Create', { idempotencyKey: Buffer.alloc(16) }, 'answers-the-same'],
  ['Create', {}, 'may-change-twice'],
  ['CreateKeyPair', { idempotencyKey: Buffer.alloc(16) }, 'answers-the-same'],
  ['Register', { idempotencyKey: Buffer.alloc(16) }, 'answers-the-same'],
  ['Activate', { idempotencyKey: Buffer.alloc(16) }, 'may-change-twice'],
  ['Destroy', {}, 'may-change-twice'],
] as const satisfies readonly (readonly [OperationName, object, Request['repeat']])[])
  test(`${operation} with ${Object.keys(more)}: sent twice it ${repeat}`, (t) => {
    const item = { operation, payload: {}, ...more } as unknown as RequestItem
    const read = { operation: 'Get', payload: {} } as RequestItem
    t.is(repeatOf([read, item]), repeat)
  })

/** What a node does with each request in turn; the last goes on. */
type Does = 'answers' | 'refuses' | 'is-gone' | 'loses-it' | 'says-unknown' | 'is-silent' | 'is-slow'

class FakeNode {
  isSuspect = false
  sent = 0
  readonly #does: Does[]

  constructor(does: readonly Does[]) {
    this.#does = [...does]
  }

  connection() {
    const does = (this.#does.length > 1 ? this.#does.shift() : this.#does[0]) as Does
    if (does === 'is-gone') return Promise.reject(new ConnectionLost('nobody listens', false, { cause: refused }))
    return { exchange: () => this.#exchange(does) }
  }

  async probe(): Promise<boolean> {
    return this.#does[0] !== 'is-silent'
  }

  suspect(): void {
    this.isSuspect = true
  }

  trust(): void {
    this.isSuspect = false
  }

  async #exchange(does: Does): Promise<Uint8Array> {
    this.sent++
    if (does === 'loses-it') throw new ConnectionLost('reset', true)
    if (does === 'is-silent') {
      await new Promise((resolve) => setTimeout(resolve, 400))
      throw new ConnectionLost('no answer', true)
    }
    if (does === 'is-slow') await new Promise((resolve) => setTimeout(resolve, 60))
    const retry = does === 'refuses' ? 'another-node' : does === 'says-unknown' ? 'outcome-unknown' : undefined
    const item: ResponseItem =
      retry === undefined
        ? { operation: 'Destroy', status: 'Success', payload: { uniqueIdentifier: 'a' } }
        : { operation: 'Destroy', status: 'OperationFailed', wantsRetry: true, error: new KmipError('GeneralFailure', does, { retry }) }
    return encodeResponse({ version: '2.1', timeStamp: 0, items: [item] })
  }
}

const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })

const every = ['changes-nothing', 'answers-the-same', 'may-change-twice'] as const
const repeated = ['changes-nothing', 'answers-the-same'] as const
type Outcome = 'answered' | 'GeneralFailure' | 'OutcomeUnknown' | 'ConnectionLost'

for (const [nodes, repeats, outcome, sent] of [
  [[['answers'], ['answers']], every, 'answered', [1, 0]],
  [[['is-gone'], ['answers']], every, 'answered', [0, 1]],
  [[['refuses'], ['answers']], every, 'answered', [1, 1]],
  [[['refuses', 'answers'], ['is-gone']], every, 'answered', [2, 0]],
  [[['loses-it'], ['answers']], repeated, 'answered', [1, 1]],
  [[['loses-it'], ['answers']], ['may-change-twice'], 'OutcomeUnknown', [1, 0]],
  [[['says-unknown'], ['answers']], repeated, 'answered', [1, 1]],
  [[['says-unknown'], ['answers']], ['may-change-twice'], 'OutcomeUnknown', [1, 0]],
  [[['is-silent'], ['answers']], repeated, 'answered', [1, 1]],
  [[['is-silent'], ['answers']], ['may-change-twice'], 'OutcomeUnknown', [1, 0]],
  [[['is-slow'], ['answers']], every, 'answered', [1, 0]],
  [[['is-gone'], ['is-gone']], every, 'ConnectionLost', [0, 0]],
  [[['loses-it'], ['is-gone']], ['changes-nothing'], 'ConnectionLost', undefined],
  [[['loses-it'], ['is-gone']], ['answers-the-same'], 'OutcomeUnknown', undefined],
  [[['refuses'], ['refuses']], every, 'GeneralFailure', undefined],
] as const satisfies readonly (readonly [
  readonly (readonly Does[])[],
  readonly Request['repeat'][],
  Outcome,
  readonly number[] | undefined,
])[])
  for (const repeat of repeats)
    test(`nodes of which one ${nodes.map((does) => does.join(', then ')).join(', the next ')}: what ${repeat} is ${outcome}`, async (t) => {
      const fakes = nodes.map((does) => new FakeNode(does))
      const candidates = () => [...fakes].sort((a, b) => Number(a.isSuspect) - Number(b.isSuspect)) as unknown as readonly Node[]
      const request = { frame: Buffer.of(1), what: 'Destroy', repeat }
      // What is answered is so long before its patience ends, however busy the machine; what never is need not be waited for.
      const delivery = new Delivery(candidates, request, { suspectAfter: 40, patience: outcome === 'answered' ? 60_000 : 250 }).run()
      const seen = await delivery.then(
        ({ items: [item] }) => (item?.status === 'OperationFailed' ? item.error.reason : 'answered'),
        (error: Error) => (error instanceof OutcomeUnknown || error instanceof ConnectionLost ? error.name : error),
      )
      t.is(seen, outcome)
      if (sent !== undefined)
        t.deepEqual(
          fakes.map((fake) => fake.sent),
          sent,
        )
    })
