import test from 'ava'
import { etcdDefaultLimits, takeBatch, transactionOf, whyTooLarge } from '../../src/cluster/change-transaction.ts'
import { Keys } from '../../src/cluster/keys.ts'
import { Proposal } from '../../src/cluster/proposal.ts'
import { changeSet, objectChange, objectPlace } from '../support/change-sets.ts'

const keys = new Keys()
const writes = (id: string) => objectChange(id, 'x')
const reliesOn = (id: string, other: string) =>
  changeSet([{ place: objectPlace(id), value: Buffer.from('x') }], [{ place: objectPlace(other), revision: 7 }])

for (const [name, sets, taken] of [
  ['disjoint sets travel together', [writes('a'), writes('b'), writes('c')], [0, 1, 2]],
  ['two writers of a place do not', [writes('a'), writes('a'), writes('b')], [0, 2]],
  ['nor who relies on what another writes', [writes('a'), reliesOn('b', 'a'), writes('c')], [0, 2]],
  ['nor who writes what another relies on', [reliesOn('b', 'a'), writes('a'), writes('c')], [0, 2]],
  ['two that rely on the same do', [reliesOn('a', 'epoch'), reliesOn('b', 'epoch')], [0, 1]],
  [
    'a large one goes with those that leave it room',
    [changeSet(Array.from({ length: 126 }, (_, i) => ({ place: objectPlace(`${i}`), value: Buffer.of(1) }))), writes('z')],
    [0],
  ],
] as const) {
  test(`a batch: ${name}`, (t) => {
    const proposals = sets.map((set) => new Proposal(set, keys, 0))
    const queue = [...proposals]
    t.deepEqual(
      takeBatch(queue, etcdDefaultLimits).map((proposal) => proposals.indexOf(proposal)),
      [...taken],
    )
    t.is(queue.length, sets.length - taken.length)
  })
}

test('bytes end a batch too', (t) => {
  const queue = ['a', 'b', 'c'].map((id) => new Proposal(objectChange(id, 'x'.repeat(400_000)), keys, 0))
  t.is(takeBatch(queue, etcdDefaultLimits).length, 2)
})

test('what no transaction can take is told with the cure', (t) => {
  const many = Array.from({ length: 127 }, (_, i) => ({ place: objectPlace(`${i}`), value: Buffer.of(1) }))
  t.regex(whyTooLarge(new Proposal(changeSet(many), keys, 0), etcdDefaultLimits)!, /127 stored values.*takes 126; send fewer batch items/)
  t.is(whyTooLarge(new Proposal(changeSet(many.slice(1)), keys, 0), etcdDefaultLimits), undefined)
  t.regex(whyTooLarge(new Proposal(objectChange('a', 'x'.repeat(1_100_000)), keys, 0), etcdDefaultLimits)!, /bytes/)
})

test('a set that only removes carries its nonce in a mark', (t) => {
  const removal = new Proposal(changeSet([{ place: objectPlace('a'), value: undefined }]), keys, 0)
  const inner = transactionOf([removal], keys, { key: keys.fence('n'), revision: 3 }).success[1]!.requestTxn!
  t.deepEqual(inner.success[1]!.requestPut!.key, keys.mark(0))
  t.deepEqual(inner.success[1]!.requestPut!.value.subarray(1), Buffer.from(removal.nonceBytes))
})

test('a place written twice in a set is refused before it can spoil the sets beside it', (t) => {
  const write = { place: objectPlace('a'), value: Buffer.of(1) }
  t.regex(t.throws(() => new Proposal(changeSet([write, write]), keys, 0)).message, /"a" twice/)
})
