import { randomBytes } from 'node:crypto'
import test from 'ava'
import { Secret } from '../../src/objects/secret.ts'
import { RefusedPins } from '../../src/partitions/index.ts'

test('a refused PIN is the same whatever line end its file has, and another token may take it', (t) => {
  const refused = new RefusedPins(randomBytes(32))
  refused.add('token', new Secret(Buffer.from('1234\n')))
  const has = (token: string, pin: string) => refused.has(token, new Secret(Buffer.from(pin)))
  t.deepEqual([has('token', '1234'), has('token', '1234\r\n'), has('token', '12345'), has('other', '1234')], [true, true, false, false])
})
