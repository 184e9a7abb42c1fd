import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { hashes } from '../../src/partitions/hashes.ts'
import { openPkcs11Partition } from '../../src/partitions/index.ts'
import { ckf, ckk, ckm, cko, cku, parameterType } from '../../src/partitions/pkcs11/constants.ts'
import { openModule, tokensOf } from '../../src/partitions/pkcs11/module.ts'
import { attributes } from '../../src/partitions/pkcs11/template.ts'

/** What is asked for on a line of standard input: which calls, one after the other in turns, and for how many milliseconds. */
export interface CallsTask {
  readonly calls: readonly CallsName[]
  readonly milliseconds: number
}

/** What came of each, in a line: calls a second while it was called, and their times in milliseconds. */
export interface CallsResult {
  readonly rate: number
  readonly p50: number
  readonly p99: number
}

/*
 * The floor that a partition is measured against: pkcs11js's own calls, one after the other, for what each operation cannot do without; and a
 * partition in the same process, one call after the other. `node hsm-calls.js MODULE TOKEN PIN_FILE`
 */
const [, , module = '', token = '', pinFile = ''] = process.argv
const library = openModule(module)
const slot = tokensOf(library).find(({ label }) => label === token)!.slot
const session = library.C_OpenSession(slot, ckf.SERIAL_SESSION | ckf.RW_SESSION)
library.C_Login(session, cku.USER, readFileSync(pinFile, 'utf8').trim())
const inside = { TOKEN: false, PRIVATE: true, SENSITIVE: true }
const newKey = { ...inside, EXTRACTABLE: true, VALUE_LEN: 32 }
const aesUses = { ENCRYPT: true, DECRYPT: true, WRAP: true, UNWRAP: true }
const generate = (uses: object) => library.C_GenerateKey(session, { mechanism: ckm.AES_KEY_GEN }, attributes({ ...newKey, ...uses }))
const key = generate(aesUses)
const kek = generate(aesUses)
const macKey = library.C_GenerateKey(session, { mechanism: ckm.GENERIC_SECRET_KEY_GEN }, attributes({ ...newKey, SIGN: true }))
const { privateKey } = library.C_GenerateKeyPair(
  session,
  { mechanism: ckm.EC_KEY_PAIR_GEN },
  attributes({ TOKEN: false, VERIFY: true, EC_PARAMS: Buffer.from('06082a8648ce3d030107', 'hex') }),
  attributes({ ...inside, SIGN: true }),
)
const gcm = {
  mechanism: ckm.AES_GCM,
  parameter: { type: parameterType.AES_GCM_V240, iv: Buffer.alloc(12, 1), aad: Buffer.alloc(0), ivBits: 96, tagBits: 128 },
}
const wrap = { mechanism: ckm.AES_KEY_WRAP_PAD }
const hmac = { mechanism: hashes.SHA_256!.token.hmac }
const data = Buffer.alloc(64, 7)
const room = () => Buffer.allocUnsafe(1024)

function encrypt(): Buffer {
  library.C_EncryptInit(session, gcm, key)
  return library.C_Encrypt(session, data, room())
}
const sealed = Buffer.from(encrypt())
const wrapped = Buffer.from(library.C_WrapKey(session, wrap, kek, key, room()))

const raw = {
  encrypt,
  decrypt: () => {
    library.C_DecryptInit(session, gcm, key)
    library.C_Decrypt(session, sealed, room())
  },
  mac: () => {
    library.C_SignInit(session, hmac, macKey)
    library.C_Sign(session, data, room())
  },
  sign: () => {
    library.C_SignInit(session, { mechanism: ckm.ECDSA }, privateKey)
    library.C_Sign(session, data.subarray(0, 32), room())
  },
  /** A new key, wrapped for the store. */
  create: () => {
    const made = generate({})
    library.C_WrapKey(session, wrap, kek, made, room())
    library.C_DestroyObject(session, made)
  },
  /** A stored key, brought in and taken out under another. */
  get: () => {
    const template = attributes({ ...inside, CLASS: cko.SECRET_KEY, KEY_TYPE: ckk.AES, EXTRACTABLE: true })
    const came = library.C_UnwrapKey(session, wrap, kek, wrapped, template)
    library.C_WrapKey(session, wrap, key, came, room())
    library.C_DestroyObject(session, came)
  },
} as const

const partition = await openPkcs11Partition({ name: token, module, token, pinFile })
const held = {
  handle: 'held',
  key: await partition.generateKey({ algorithm: 'AES', length: 256 }, { sensitive: true, extractable: false }),
}
const mechanism = { cipher: 'GCM', iv: gcm.parameter.iv, additionalData: gcm.parameter.aad, tagLength: 16 } as const

export type CallsName = keyof typeof raw | 'partition encrypt'

async function measured({ calls, milliseconds }: CallsTask): Promise<CallsResult[]> {
  const each = calls.map((name) => (name === 'partition encrypt' ? () => partition.encrypt(held, mechanism, data) : raw[name]))
  for (const until = performance.now() + milliseconds / 10; performance.now() < until; ) for (const one of each) await one()
  const times = calls.map((): number[] => [])
  for (const until = performance.now() + milliseconds; performance.now() < until; ) {
    for (const [index, one] of each.entries()) {
      const began = performance.now()
      const result: unknown = one()
      if (result instanceof Promise) await result
      times[index]?.push(performance.now() - began)
    }
  }
  return times.map(resultOf)
}

function resultOf(times: number[]): CallsResult {
  const rate = (times.length * 1000) / times.reduce((sum, time) => sum + time, 0)
  times.sort((a, b) => a - b)
  const at = (share: number) => times[Math.floor((times.length - 1) * share)] ?? 0
  return { rate, p50: at(0.5), p99: at(0.99) }
}

process.stdout.write('ready\n')
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await measured(JSON.parse(line) as CallsTask))}\n`)
}
await partition.close()
