import test from 'ava'
import { Secret } from '../../src/objects/secret.ts'
import { deliver, newDeliveryKey, receive } from '../../src/partitions/delivery-key.ts'

const key = newDeliveryKey()
const secret = () => new Secret(Buffer.from('the root of all partitions'))
const made = deliver(key.publicKey, 'root secret for n2', secret())

test('what was delivered opens with the key that it was made for, and holds no plain byte', (t) => {
  t.deepEqual(receive(key, 'root secret for n2', made).expose(), secret().expose())
  t.false(Buffer.from(made).includes('root'))
  t.notDeepEqual(deliver(key.publicKey, 'root secret for n2', secret()), made)
})

for (const [what, attempt] of [
  ['another key', () => receive(newDeliveryKey(), 'root secret for n2', made)],
  ['another purpose', () => receive(key, 'root secret for n3', made)],
  ...[1, 33, made.length - 1].map(
    (at) =>
      [
        `byte ${at} altered`,
        () =>
          receive(
            key,
            'root secret for n2',
            made.map((byte, index) => byte ^ (index === at ? 1 : 0)),
          ),
      ] as const,
  ),
] as const)
  test(`it does not open with ${what}`, (t) => {
    t.is(
      t.throws(attempt)?.message,
      `A delivery (root secret for ${what === 'another purpose' ? 'n3' : 'n2'}) does not open: it was made for another node's key, for another purpose, or altered.`,
    )
  })

test('what is no delivery, and what is no key, is refused', (t) => {
  t.regex(t.throws(() => receive(key, 'p', made.subarray(0, 40)))?.message ?? '', /is not one: 40 bytes, version 1/)
  t.regex(
    t.throws(() =>
      receive(
        key,
        'p',
        made.map((byte, index) => (index === 0 ? 2 : byte)),
      ),
    )?.message ?? '',
    /version 2/,
  )
  t.is(t.throws(() => deliver('c2hvcnQ', 'p', secret()))?.message, 'A delivery key has 32 bytes, this one 5.')
  // A point of small order gives a shared secret that everybody knows.
  t.throws(() => deliver(Buffer.alloc(32).toString('base64url'), 'p', secret()))
})
