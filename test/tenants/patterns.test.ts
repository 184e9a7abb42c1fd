import test from 'ava'
import { pattern } from '../../src/tenants/patterns.ts'

for (const [text, value, expected] of [
  ['app', 'app', {}],
  ['app', 'app2', undefined],
  ['a.p', 'axp', undefined],
  ['{user}', 'alice@bank.example', { user: 'alice@bank.example' }],
  ['{user}@bank', 'alice@bank', { user: 'alice' }],
  ['{user}@bank', 'alice@evil@bank', undefined],
  ['{user}-{tenant}', 'a-b', { user: 'a', tenant: 'b' }],
  ['{user}-{tenant}', 'a-b-c', { user: 'a', tenant: 'b-c' }],
  ['{tenant}-{user}', 'a-b-c', { tenant: 'a', user: 'b-c' }],
  ['{user}', 'a b', undefined],
  ['{user}', '-a', undefined],
  ['{user}', 'app\n', undefined],
  ['{tenant}', 'Bank', undefined],
  ['spiffe://x/{any}/{user}', 'spiffe://x/y/app', { any: 'y', user: 'app' }],
  ['spiffe://x/{any}/{user}', 'spiffe://x/y/z/app', undefined],
  ['{user}', 'a'.repeat(1025), undefined],
] as const) {
  test(`${text} and ${JSON.stringify(value).slice(0, 40)}`, (t) => t.deepEqual(pattern(text).match(value), expected))
}

for (const [text, message] of [
  ['{', 'pattern "{": a brace is left over'],
  ['{user}-{user}', 'pattern "{user}-{user}": {user} may stand once'],
  ['{user}{tenant}', 'pattern "{user}{tenant}": two placeholders need a text between them'],
] as const) {
  test(`refuses ${text}`, (t) => {
    t.throws(() => pattern(text), { message })
  })
}
