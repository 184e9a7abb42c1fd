import test from 'ava'
import fc from 'fast-check'
import { findViolation, type Operation, type SequentialModel } from '../support/linearizability.ts'
import { type Key, type KeyInput, keyModel } from './key-model.ts'

type KeyOperation = Operation<KeyInput>

/** `invoked-completed Operation answer`; `?` for an outcome that is not known. */
function history(...lines: readonly string[]): KeyOperation[] {
  return lines.map((line) => {
    const [times = '', what = '', ...answer] = line.split(' ')
    const [invoked, completed] = times.split('-').map(Number)
    const [name, uses] = what.split(':')
    const input = (name === 'CreateLimited' ? { do: name, uses: Number(uses) } : { do: name }) as KeyInput
    return answer[0] === '?'
      ? { input, invoked: invoked ?? 0, completed: Number.POSITIVE_INFINITY, answer: undefined }
      : { input, invoked: invoked ?? 0, completed: completed ?? 0, answer: answer.join(' ') }
  })
}

const life = ['1-2 Create done', '3-4 Activate done'] as const
const ended = [...life, '5-6 Revoke done', '7-8 Destroy done'] as const

for (const [name, lines] of [
  ['nothing', []],
  ['a life', [...ended, '9-10 Encrypt ObjectDestroyed', '9-11 Locate none']],
  ['a use beside its revocation, before it', [...life, '5-10 Revoke done', '6-7 Encrypt done', '8-9 Encrypt WrongKeyLifecycleState']],
  ['a use sent before the revocation and answered after', [...life, '5-9 Encrypt done', '6-7 Revoke done']],
  ['an unknown Destroy that took place', [...life, '5-6 Revoke done', '7- Destroy ?', '8-9 Encrypt ObjectDestroyed']],
  ['an unknown Destroy that did not', [...life, '5-6 Revoke done', '7- Destroy ?', '8-9 Decrypt done']],
  ['an unknown Destroy that took place late', [...life, '5-6 Revoke done', '7- Destroy ?', '8-9 Decrypt done', '10-11 Locate none']],
  ['an unknown Activate tells a state of itself', ['1-2 Create done', '3- Activate ?', '4-5 Encrypt done']],
  ['as many uses as allowed', ['1-2 CreateLimited:2 done', '3-6 Encrypt done', '4-7 Encrypt done', '5-8 Encrypt PermissionDenied']],
  ['an unknown use counts or does not', ['1-2 CreateLimited:1 done', '3- Encrypt ?', '4-5 Encrypt done', '6-7 GetAttributes Active 0']],
  ['decryption after revocation', [...life, '5-6 Revoke done', '7-8 Decrypt done']],
  ['touching times overlap', [...life, '5-6 Revoke done', '6-7 Encrypt done']],
] as const)
  test(`has an order: ${name}`, (t) => t.is(findViolation(keyModel, history(...lines)), undefined))

for (const [name, lines, culprit] of [
  ['a use after its Destroy was answered', [...ended, '9-10 Decrypt done'], 4],
  ['a use after its Revoke was answered', [...life, '5-6 Revoke done', '7-8 Encrypt done'], 3],
  ['a destroyed key is found', [...ended, '9-10 Locate found'], 4],
  ['a destroyed key came back', [...ended, '9-10 GetAttributes Destroyed', '11-12 GetAttributes Deactivated'], 5],
  ['an answered key is lost', ['1-2 Create done', '3-4 GetAttributes ObjectNotFound'], 1],
  ['one use too many', ['1-2 CreateLimited:2 done', '3-6 Encrypt done', '4-7 Encrypt done', '5-8 Encrypt done'], 3],
  ['a use that counted twice', ['1-2 CreateLimited:2 done', '3-4 Encrypt done', '5-6 GetAttributes Active 0'], 2],
  ['two keys of one name', ['1-3 Create done', '2-4 Create done'], 1],
  ['a change that was made twice', ['1-2 Create done', '3-4 Activate WrongKeyLifecycleState'], 1],
  ['a wrong plain text', [...life, '5-6 Decrypt wrong plain text'], 2],
  [
    'an unknown Destroy is not seen first and then seen, and then not',
    [...life, '5-6 Revoke done', '7- Destroy ?', '8-9 Locate none', '10-11 Locate found'],
    5,
  ],
  ['nothing before it was asked for', ['1-2 Create done', '3-4 Encrypt done', '5-6 Activate done'], 1],
] as const)
  test(`has none: ${name}`, (t) => {
    const operations = history(...lines)
    t.is(findViolation(keyModel, operations)?.culprit, operations[culprit])
  })

const inputs = fc.oneof(
  fc.constant<KeyInput>({ do: 'Create' }),
  fc.record({ do: fc.constant('CreateLimited' as const), uses: fc.integer({ min: 1, max: 4 }) }),
  fc
    .constantFrom('Activate', 'Encrypt', 'Decrypt', 'GetAttributes', 'Revoke', 'Destroy', 'Locate')
    .map((what) => ({ do: what }) as KeyInput),
)

/** Operations one after the other, each answered as the model answers, then stretched to both sides so that they overlap; some lose their answers. */
const overlapping = (length: number) =>
  fc
    .array(fc.record({ input: inputs, early: fc.nat(6), late: fc.nat(6), isLost: fc.nat(9).map((nat) => nat === 0) }), {
      maxLength: length,
    })
    .map((steps) => {
      let key: Key = keyModel.initial
      return steps.map(({ input, early, late, isLost }, at): KeyOperation => {
        const { answer, next } = keyModel.step(key, input)
        key = next
        const invoked = at - early / 2
        return isLost
          ? { input, invoked, completed: Number.POSITIVE_INFINITY, answer: undefined }
          : { input, invoked, completed: at + late / 2 + 0.25, answer }
      })
    })

test('every history that was made from an order has one', (t) => {
  fc.assert(
    fc.property(overlapping(40), (operations) => findViolation(keyModel, operations) === undefined),
    { numRuns: 500 },
  )
  t.is(findViolation(keyModel, fc.sample(overlapping(400), 1)[0] as KeyOperation[]), undefined)
})

test('it agrees with trying every order', (t) => {
  const seen = { order: 0, none: 0 }
  const answers = fc.constantFrom('done', 'WrongKeyLifecycleState', 'ObjectDestroyed', 'found', 'none', 'Active', 'PermissionDenied')
  const spoiled = fc
    .tuple(overlapping(7), fc.nat(6), answers)
    .map(([operations, at, answer]) =>
      operations.map((operation, index) => (index === at && operation.answer !== undefined ? { ...operation, answer } : operation)),
    )
  fc.assert(
    fc.property(spoiled, (operations) => {
      const expected = hasOrder(keyModel, operations)
      seen[expected ? 'order' : 'none']++
      return (findViolation(keyModel, operations) === undefined) === expected
    }),
    { numRuns: 3000 },
  )
  t.true(seen.none > 300 && seen.order > 300, JSON.stringify(seen))
})

/** The definition, word for word: any that none must precede may come next. */
function hasOrder<State, Input>(
  model: SequentialModel<State, Input>,
  rest: readonly Operation<Input>[],
  state: State = model.initial,
): boolean {
  if (rest.every(({ answer }) => answer === undefined)) return true
  const soonest = Math.min(...rest.map(({ completed }) => completed))
  return rest.some((operation, at) => {
    if (operation.invoked > soonest) return false
    const { answer, next } = model.step(state, operation.input)
    return (operation.answer ?? answer) === answer && hasOrder(model, rest.toSpliced(at, 1), next)
  })
}

test('seventy thousand operations, of one key and of many', (t) => {
  const one = busyKey(3_000)
  t.is(findViolation(keyModel, one), undefined)
  t.truthy(findViolation(keyModel, [...busyKey(500), ...history('90000-90001 GetAttributes Active 3')]))
  for (let key = 0; key < 640; key++) t.is(findViolation(keyModel, busyKey(100)), undefined)
})

/** Many clients use up a key with Usage Limits; some answers are lost, half of them of uses that were made. */
function busyKey(uses: number): KeyOperation[] {
  let left = uses
  const operations = history(`0-1 CreateLimited:${uses} done`)
  for (let at = 2; left > 0; at++) {
    const times = { invoked: at - (at % 13) / 2, completed: at + (at % 7) + 0.5 }
    const input = { do: at % 3 === 0 ? 'GetAttributes' : 'Encrypt' } as const
    if (input.do === 'GetAttributes') operations.push({ ...times, input, answer: `Active ${left}` })
    else if (at % 400 === 0) operations.push({ input, invoked: times.invoked, completed: Number.POSITIVE_INFINITY, answer: undefined })
    else if (at % 401 === 0)
      operations.push({ input, invoked: times.invoked, completed: Number.POSITIVE_INFINITY, answer: undefined }) && left--
    else operations.push({ ...times, input, answer: 'done' }) && left--
  }
  return operations
}
