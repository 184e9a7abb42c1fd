import { createHash, createHmac } from 'node:crypto'
import type { KmipError, ResultReason } from '../../spec/kmip-error.ts'
import type { OperationName } from '../../spec/operations.ts'
import type { AttributeInstance, RequestPayload, ResponsePayload } from '../../spec/values.ts'
import { type OperationBench, operationContext, softwarePartition } from '../support/operation-context.ts'
import { test } from '../support/operation-test.ts'
import { algorithms, hex, registerKey } from '../support/registered-keys.ts'

const key = '0123456789abcdef0123456789abcdef'
const data = Buffer.from('what is said in three parts, and in no other way')
const cbc = { blockCipherMode: 'CBC', paddingMethod: 'PKCS5' } as const
const gcm = { blockCipherMode: 'GCM', tagLength: 16 } as const
const iv = hex('01020304050607080910111213141516')
const hmac = { name: 'CryptographicParameters', value: { cryptographicAlgorithm: 'HMAC_SHA256' } } as const

const refused = async (t: { is(a: unknown, b: unknown, message?: string): unknown }, action: Promise<unknown>, reason: ResultReason) => {
  const error: KmipError = await action.then(
    () => new Error('it was not refused') as KmipError,
    (thrown: KmipError) => thrown,
  )
  t.is(error.reason, reason, error.message)
  return error.message
}

/** The data in three parts; what each answered. */
async function inParts<O extends 'Encrypt' | 'Decrypt' | 'MAC' | 'MACVerify'>(
  bench: OperationBench,
  operation: O,
  uniqueIdentifier: string,
  whole: Uint8Array,
  first: Partial<RequestPayload<O>>,
  last: Partial<RequestPayload<O>> = {},
) {
  // The four share these fields; TypeScript cannot say so of a type yet to be chosen.
  const run = (more: object) =>
    bench.run(operation, { uniqueIdentifier, ...more } as unknown as RequestPayload<O>) as Promise<
      ResponsePayload<O> & { readonly correlationValue?: Uint8Array; readonly data?: Uint8Array }
    >
  const one = await run({ ...first, data: whole.subarray(0, 7), initIndicator: true })
  const { correlationValue } = one
  const two = await run({ data: whole.subarray(7, 30), correlationValue })
  const three = await run({ ...last, data: whole.subarray(30), correlationValue, finalIndicator: true })
  return [one, two, three] as const
}

const joined = (answers: readonly { readonly data?: Uint8Array | undefined }[]) =>
  Buffer.concat(answers.map((answer) => answer.data ?? new Uint8Array()))

test('Encrypt and Decrypt in parts give what they give whole, and no field for nothing', async (t) => {
  const bench = operationContext()
  const uniqueIdentifier = await registerKey(bench, key)
  const whole = await bench.run('Encrypt', { uniqueIdentifier, cryptographicParameters: cbc, ivCounterNonce: iv, data })
  const sealed = await inParts(bench, 'Encrypt', uniqueIdentifier, data, { cryptographicParameters: cbc, ivCounterNonce: iv })
  t.deepEqual(joined(sealed), Buffer.from(whole.data!))
  t.is(sealed[0].data, undefined)
  t.deepEqual(
    sealed.map((answer) => answer.correlationValue === undefined),
    [false, false, true],
  )
  t.deepEqual(sealed[0].correlationValue, sealed[1].correlationValue)
  const opened = await inParts(bench, 'Decrypt', uniqueIdentifier, whole.data!, { cryptographicParameters: cbc, ivCounterNonce: iv })
  t.deepEqual(joined(opened), data)
})

test('an authenticated cipher: IV and additional data with the first part, the tag with the last; plain text once the tag is verified', async (t) => {
  const bench = operationContext()
  const uniqueIdentifier = await registerKey(bench, key)
  const additionalData = Buffer.from('context')
  const sealed = await inParts(bench, 'Encrypt', uniqueIdentifier, data, { cryptographicParameters: gcm, additionalData })
  t.is(sealed[0].ivCounterNonce?.length, 12)
  t.deepEqual(
    sealed.map(({ tag }) => tag?.length),
    [undefined, undefined, 16],
  )
  const ciphertext = joined(sealed)
  const first = { cryptographicParameters: gcm, ivCounterNonce: sealed[0].ivCounterNonce, additionalData }
  const opened = await inParts(bench, 'Decrypt', uniqueIdentifier, ciphertext, { ...first, tag: sealed[2].tag })
  t.deepEqual(
    opened.map((answer) => answer.data?.length),
    [undefined, undefined, data.length],
  )
  t.deepEqual(Buffer.from(opened[2].data!), data)
  const wrong = { ...first, tag: Buffer.alloc(16, 1) }
  t.regex(await refused(t, inParts(bench, 'Decrypt', uniqueIdentifier, ciphertext, wrong), 'CryptographicFailure'), /\btag\b/)
  t.regex(await refused(t, inParts(bench, 'Decrypt', uniqueIdentifier, ciphertext, first), 'InvalidMessage'), /with the first part/)
  const late = inParts(bench, 'Decrypt', uniqueIdentifier, ciphertext, { ...first, tag: sealed[2].tag }, { tag: sealed[2].tag })
  await refused(t, late, 'InvalidMessage')
  await refused(t, inParts(bench, 'Encrypt', uniqueIdentifier, data, first, { additionalData }), 'InvalidMessage')
})

test('MAC and MAC Verify; the MAC to verify comes with the first part or the last', async (t) => {
  const bench = operationContext()
  const uniqueIdentifier = await registerKey(bench, key, [hmac, { name: 'CryptographicUsageMask', value: 0x180 }])
  const expected = createHmac('sha256', hex(key)).update(data).digest()
  const [first, , last] = await inParts(bench, 'MAC', uniqueIdentifier, data, {})
  t.is(first.macData, undefined)
  t.deepEqual(Buffer.from(last.macData!), expected)
  for (const [with_, macData, says] of [
    ['first', expected, 'Valid'],
    ['last', expected, 'Valid'],
    ['last', Buffer.alloc(32), 'Invalid'],
  ] as const) {
    const given = [with_ === 'first' ? { macData } : {}, with_ === 'last' ? { macData } : {}] as const
    const [one, two, three] = await inParts(bench, 'MACVerify', uniqueIdentifier, data, ...given)
    t.deepEqual([one.validityIndicator, two.validityIndicator, three.validityIndicator], [undefined, undefined, says])
  }
  await refused(t, inParts(bench, 'MACVerify', uniqueIdentifier, data, {}), 'InvalidField')
  t.is((await bench.run('MACVerify', { uniqueIdentifier, data, macData: expected })).validityIndicator, 'Valid')
  t.is((await bench.run('MACVerify', { uniqueIdentifier, data, macData: expected.subarray(1) })).validityIndicator, 'Invalid')
  await refused(t, bench.run('MACVerify', { uniqueIdentifier, data }), 'InvalidMessage')
})

test('Sign and Signature Verify in parts go with those of the whole', async (t) => {
  const bench = operationContext()
  const pair = await bench.run('CreateKeyPair', {
    commonAttributes: [
      { name: 'CryptographicAlgorithm', value: 'RSA' },
      { name: 'CryptographicLength', value: 2048 },
      { name: 'CryptographicParameters', value: { paddingMethod: 'PSS', hashingAlgorithm: 'SHA_256' } },
      { name: 'ActivationDate', value: 1_600_000_000 },
    ],
    privateKeyAttributes: [{ name: 'CryptographicUsageMask', value: 1 }],
    publicKeyAttributes: [{ name: 'CryptographicUsageMask', value: 2 }],
  } as unknown as RequestPayload<'CreateKeyPair'>)
  const [signing, verifying] = [pair.privateKeyUniqueIdentifier, pair.publicKeyUniqueIdentifier]
  const { correlationValue } = await bench.run('Sign', { uniqueIdentifier: signing, data: data.subarray(0, 9), initIndicator: true })
  const signed = await bench.run('Sign', { uniqueIdentifier: signing, data: data.subarray(9), correlationValue, finalIndicator: true })
  const { signatureData } = signed
  t.is(signed.correlationValue, undefined)
  t.is((await bench.run('SignatureVerify', { uniqueIdentifier: verifying, data, signatureData })).validityIndicator, 'Valid')
  const begun = await bench.run('SignatureVerify', { uniqueIdentifier: verifying, signatureData, initIndicator: true })
  await bench.run('SignatureVerify', { uniqueIdentifier: verifying, data, correlationValue: begun.correlationValue })
  const end = { uniqueIdentifier: verifying, correlationValue: begun.correlationValue, finalIndicator: true }
  t.is((await bench.run('SignatureVerify', end)).validityIndicator, 'Valid')
  const digestedData = createHash('sha256').update(data).digest()
  await refused(t, bench.run('Sign', { uniqueIdentifier: signing, digestedData, initIndicator: true }), 'InvalidMessage')
})

test('Hash in parts', async (t) => {
  const bench = operationContext()
  const { correlationValue } = await bench.run('Hash', { cryptographicParameters: { hashingAlgorithm: 'SHA_256' }, initIndicator: true })
  t.deepEqual(await bench.run('Hash', { data, correlationValue }), { correlationValue })
  const { data: digest } = await bench.run('Hash', { correlationValue, finalIndicator: true })
  t.deepEqual(Buffer.from(digest!), createHash('sha256').update(data).digest())
})

test('both indicators at once are one part, which may be empty', async (t) => {
  const bench = operationContext()
  const { data: digest, correlationValue } = await bench.run('Hash', {
    cryptographicParameters: { hashingAlgorithm: 'SHA_256' },
    initIndicator: true,
    finalIndicator: true,
  })
  t.deepEqual(Buffer.from(digest!), createHash('sha256').digest())
  t.is(correlationValue, undefined)
})

test('fields that contradict each other are refused', async (t) => {
  const bench = operationContext()
  const uniqueIdentifier = await registerKey(bench, key)
  const begin = { uniqueIdentifier, cryptographicParameters: cbc, initIndicator: true, data }
  const { correlationValue } = await bench.run('Encrypt', begin)
  for (const [request, says] of [
    [{ uniqueIdentifier, data, finalIndicator: true }, /needs the Correlation Value/],
    [{ ...begin, correlationValue }, /give one of them/],
    [{ uniqueIdentifier, correlationValue }, /has no Data/],
  ] as const) {
    t.regex(await refused(t, bench.run('Encrypt', request), 'InvalidMessage'), says)
  }
})

test('a stream belongs to its operation and key; who has it wrong does not end it', async (t) => {
  const bench = operationContext()
  const uniqueIdentifier = await registerKey(bench, key)
  const other = await registerKey(bench, key)
  const { correlationValue } = await bench.run('Encrypt', { uniqueIdentifier, cryptographicParameters: cbc, initIndicator: true, data })
  const part = { data, correlationValue }
  t.regex(await refused(t, bench.run('Decrypt', { uniqueIdentifier, ...part }), 'InvalidCorrelationValue'), /begun by Encrypt/)
  await refused(t, bench.run('Encrypt', { uniqueIdentifier: other, ...part }), 'InvalidCorrelationValue')
  await refused(t, bench.run('Hash', part), 'InvalidCorrelationValue')
  await refused(t, bench.run('Encrypt', { uniqueIdentifier, data, correlationValue: Buffer.alloc(26, 1) }), 'InvalidCorrelationValue')
  await refused(t, bench.run('Encrypt', { uniqueIdentifier, data, correlationValue: Buffer.alloc(3) }), 'InvalidCorrelationValue')
  const altered = Buffer.from(correlationValue!)
  altered[25]! ^= 1
  await refused(t, bench.run('Encrypt', { uniqueIdentifier, data, correlationValue: altered }), 'InvalidCorrelationValue')
  await t.notThrowsAsync(bench.run('Encrypt', { uniqueIdentifier, ...part, finalIndicator: true }))
  await refused(t, bench.run('Encrypt', { uniqueIdentifier, ...part, finalIndicator: true }), 'InvalidCorrelationValue')
})

const revocation = { revocationReason: { code: 'Unspecified' } } as const
const now = 1_700_000_000
const endings: readonly (readonly [string, OperationName, object])[] = [
  ['is revoked', 'Revoke', revocation],
  ['is compromised', 'Revoke', { revocationReason: { code: 'KeyCompromise' } }],
  ['has come to its Deactivation Date', 'AddAttribute', { newAttribute: { name: 'DeactivationDate', value: now + 5 } }],
  ['has come to its Protect Stop Date', 'AddAttribute', { newAttribute: { name: 'ProtectStopDate', value: now + 5 } }],
]
for (const [name, operation, request] of endings) {
  test(`the next part is refused, and the stream over, when its key ${name}`, async (t) => {
    const bench = operationContext({ now })
    const uniqueIdentifier = await registerKey(bench, key)
    const { correlationValue } = await bench.run('Encrypt', { uniqueIdentifier, cryptographicParameters: cbc, initIndicator: true, data })
    await bench.run(operation, { uniqueIdentifier, ...request } as never)
    const part = { uniqueIdentifier, data, correlationValue }
    await refused(t, bench.run('Encrypt', part, now + 10), 'WrongKeyLifecycleState')
    // Were the key fit again, there would be no stream.
    const fit = operation === 'Revoke' ? 'WrongKeyLifecycleState' : 'InvalidCorrelationValue'
    await refused(t, bench.run('Encrypt', part, now), fit)
  })
}

test('the next part is refused when its key is destroyed, also one that only processes', async (t) => {
  const bench = operationContext()
  const uniqueIdentifier = await registerKey(bench, key)
  const first = { uniqueIdentifier, cryptographicParameters: cbc, ivCounterNonce: iv, data: iv, initIndicator: true }
  const { correlationValue } = await bench.run('Decrypt', first)
  await bench.run('Revoke', { uniqueIdentifier, ...revocation } as never)
  await t.notThrowsAsync(bench.run('Decrypt', { uniqueIdentifier, data: iv, correlationValue }))
  await bench.run('Destroy', { uniqueIdentifier })
  await refused(t, bench.run('Decrypt', { uniqueIdentifier, data: iv, correlationValue }), 'ObjectDestroyed')
})

const limited = (total: bigint, unit: 'Byte' | 'Object'): AttributeInstance => ({ name: 'UsageLimits', value: { total, unit } })

test('Usage Limits in bytes count each part, and end a stream that wants more; those in objects count the first part', async (t) => {
  const bench = operationContext()
  const left = (id: string) => bench.objects.get(id)?.attributes.get('UsageLimits')?.count
  const byBytes = await registerKey(bench, key, [limited(40n, 'Byte')])
  const begin = { cryptographicParameters: cbc, initIndicator: true, data: data.subarray(0, 10) } as const
  const { correlationValue } = await bench.run('Encrypt', { uniqueIdentifier: byBytes, ...begin })
  t.is(left(byBytes), 30n)
  await bench.run('Encrypt', { uniqueIdentifier: byBytes, data: data.subarray(0, 20), correlationValue })
  t.is(left(byBytes), 10n)
  await refused(t, bench.run('Encrypt', { uniqueIdentifier: byBytes, data: data.subarray(0, 11), correlationValue }), 'PermissionDenied')
  t.is(left(byBytes), 10n)
  await refused(
    t,
    bench.run('Encrypt', { uniqueIdentifier: byBytes, data: iv.subarray(0, 1), correlationValue }),
    'InvalidCorrelationValue',
  )

  const byObjects = await registerKey(bench, key, [limited(1n, 'Object')])
  await inParts(bench, 'Encrypt', byObjects, data, { cryptographicParameters: cbc })
  t.is(left(byObjects), 0n)
  await refused(t, inParts(bench, 'Encrypt', byObjects, data, { cryptographicParameters: cbc }), 'PermissionDenied')
})

test('3DES in parts', async (t) => {
  const bench = operationContext()
  const uniqueIdentifier = await registerKey(bench, '0123456789abcdef23456789abcdef01456789abcdef0123', [], algorithms.DES3)
  const sealed = await inParts(bench, 'Encrypt', uniqueIdentifier, data, { cryptographicParameters: cbc })
  const first = { cryptographicParameters: cbc, ivCounterNonce: sealed[0].ivCounterNonce }
  t.deepEqual(joined(await inParts(bench, 'Decrypt', uniqueIdentifier, joined(sealed), first)), data)
})

test('a partition without streams refuses them, does the whole, and Query says so', async (t) => {
  const whole = softwarePartition()
  const partition = new Proxy(whole, {
    get: (target, name) => (name === 'streams' ? undefined : bound(target, Reflect.get(target, name))),
  })
  const bench = operationContext({ partition })
  const uniqueIdentifier = await registerKey(bench, key)
  const request = { uniqueIdentifier, cryptographicParameters: cbc, data }
  await t.notThrowsAsync(bench.run('Encrypt', request))
  t.regex(await refused(t, bench.run('Encrypt', { ...request, initIndicator: true }), 'OperationNotSupported'), /in one request/)
  const { capabilityInformation } = await bench.run('Query', { queryFunctions: ['QueryCapabilities'] })
  t.is(capabilityInformation[0]?.streamingCapability, false)
})

function bound(target: object, value: unknown): unknown {
  return typeof value === 'function' ? value.bind(target) : value
}
