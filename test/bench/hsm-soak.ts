import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { createPkcs11Partition, openPkcs11Partition } from '../../src/partitions/index.ts'
import { ckf, ckk, ckm, cko, cku } from '../../src/partitions/pkcs11/constants.ts'
import { openModule, releaseModule, tokensOf } from '../../src/partitions/pkcs11/module.ts'
import { attributes } from '../../src/partitions/pkcs11/template.ts'
import { pkcs11Shim } from '../support/pkcs11-shim.ts'
import { softHsm } from '../support/softhsm.ts'

/*
 * Create, use and destroy, over and over, through a partition and by the module's own calls: what memory and objects each leaves behind.
 *   node build/test/bench/hsm-soak.js --cycles 200000
 */

const { cycles: given } = parseArgs({ options: { cycles: { type: 'string', default: '200000' } } }).values
const cycles = Number(given)
const hsm = softHsm()
const { token, pinFile } = hsm.token('soak')
const shim = pkcs11Shim(hsm.folder, hsm.module)
const module = shim.module
const iv = Buffer.alloc(16)
const message = Buffer.alloc(64)
const mebibyte = 1024 * 1024
const resident = () => process.memoryUsage().rss / mebibyte

/** Runs the cycles, the first tenth of them to warm up, and prints what the rest left. */
async function soak(name: string, cycle: (round: number) => Promise<void> | void): Promise<void> {
  for (let round = 0; round < cycles / 10; round++) await cycle(round)
  const [before, objects] = [resident(), shim.counts().objects]
  const start = performance.now()
  for (let round = 0; round < cycles; round++) await cycle(round)
  const seconds = (performance.now() - start) / 1000
  const grown = resident() - before
  const rate = Math.round(cycles / seconds)
  const each = Math.round((grown * mebibyte) / cycles)
  console.log(
    `${name}: ${cycles} cycles, ${rate}/s, memory ${grown.toFixed(1)} MiB more (${each} bytes a cycle), objects ${shim.counts().objects - objects} more`,
  )
}

const options = { name: 'soak', module, token, pinFile, heldKeys: 100 }
await createPkcs11Partition(options)

const library = openModule(module)
const slot = tokensOf(library).find(({ label }) => label === token)!.slot
const session = library.C_OpenSession(slot, ckf.SERIAL_SESSION | ckf.RW_SESSION)
library.C_Login(session, cku.USER, '12345678')
const kek = library.C_CreateObject(
  session,
  attributes({ CLASS: cko.SECRET_KEY, KEY_TYPE: ckk.AES, TOKEN: false, VALUE: randomBytes(32), WRAP: true, UNWRAP: true }),
)
const uses = { TOKEN: false, PRIVATE: true, SENSITIVE: true, ENCRYPT: true }
const wrap = { mechanism: ckm.AES_KEY_WRAP_PAD }
await soak('the module alone (generate, wrap, destroy, unwrap, encrypt, destroy)', () => {
  const made = library.C_GenerateKey(session, { mechanism: ckm.AES_KEY_GEN }, attributes({ ...uses, EXTRACTABLE: true, VALUE_LEN: 32 }))
  const wrapped = Buffer.from(library.C_WrapKey(session, wrap, kek, made, Buffer.alloc(64)))
  library.C_DestroyObject(session, made)
  const key = library.C_UnwrapKey(session, wrap, kek, wrapped, attributes({ ...uses, CLASS: cko.SECRET_KEY, KEY_TYPE: ckk.AES }))
  library.C_EncryptInit(session, { mechanism: ckm.AES_CBC_PAD, parameter: iv }, key)
  library.C_Encrypt(session, message, Buffer.alloc(128))
  library.C_DestroyObject(session, key)
})

const partition = await openPkcs11Partition(options)
await soak('a partition (generateKey, encrypt, forget)', async (round) => {
  const key = {
    handle: `k${round}`,
    key: await partition.generateKey({ algorithm: 'AES', length: 256 }, { sensitive: true, extractable: false }),
  }
  await partition.encrypt(key, { cipher: 'CBC', padding: 'PKCS5', iv }, message)
  partition.forget(key.handle)
})
await partition.close()
library.C_CloseSession(session)
releaseModule(module)
console.log(`left open at the end: ${shim.counts().sessions} sessions, ${shim.counts().objects} objects`)
shim.close()
hsm.remove()
