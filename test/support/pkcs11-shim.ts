import { execFileSync } from 'node:child_process'
import { closeSync, openSync, readSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Functions in the order of a PKCS #11 v2.40 function list, those that tests name. */
const functions = {
  C_Initialize: 0,
  C_OpenSession: 12,
  C_Login: 18,
  C_DestroyObject: 22,
  C_EncryptInit: 29,
  C_Encrypt: 30,
  C_DecryptInit: 33,
  C_Decrypt: 34,
  C_EncryptUpdate: 31,
  C_EncryptFinal: 32,
  C_DigestUpdate: 39,
  C_SignInit: 42,
  C_SignUpdate: 44,
  C_GenerateKey: 58,
  C_WrapKey: 60,
  C_UnwrapKey: 61,
} as const

export type ShimFunction = keyof typeof functions

/** What the shim has counted. */
export interface ShimCounts {
  readonly mostInFlight: number
  readonly sessions: number
  /** Session objects. */
  readonly objects: number
}

/** A PKCS #11 module before another one, whose orders hold for all processes that have loaded it (pkcs11-shim.c). */
export interface Shim {
  readonly module: string
  /** Adds so many microseconds to each call. */
  delay(microseconds: number): void
  /** The next calls of a function, or of all, fail with this CKR_* number: so many, or for ever. */
  fail(which: ShimFunction | 'all', code: number, times?: number): void
  /** Calls of a function wait before they go through, or when they went. Whoever made them may be killed meanwhile. */
  hold(which: ShimFunction, when: 'before' | 'after'): void
  /** How many calls an order to hold has met, all orders together. */
  held(): number
  /** Calls go through again. */
  heal(): void
  counts(): ShimCounts
  calls(which: ShimFunction): number
  /** Of all functions. */
  allCalls(): number
  /** Begins to count anew how many calls are in flight at most. */
  resetMost(): void
  close(): void
}

const source = fileURLToPath(new URL('../../../test/support/pkcs11-shim.c', import.meta.url))
const words = { delay: 0, fail: 1, code: 2, failures: 3, hold: 4, most: 6, sessions: 7, objects: 8, held: 9, calls: 10 }
const allFunctions = 1000
const functionCount = 68
const controlBytes = 4096

/** Compiles the shim into a folder and puts it before a module. It reads its environment when it is loaded: one for each process. */
export function pkcs11Shim(folder: string, module: string): Shim {
  const built = join(folder, 'pkcs11-shim.so')
  try {
    execFileSync('cc', ['-shared', '-fPIC', '-O2', '-o', built, source, '-ldl', '-lpthread'])
  } catch (error) {
    throw new Error('The PKCS #11 shim of the tests cannot be compiled. It needs a C compiler: apt-get install gcc libc6-dev', {
      cause: error,
    })
  }
  const path = join(folder, 'pkcs11-shim.control')
  writeFileSync(path, Buffer.alloc(controlBytes))
  process.env.SHIM_MODULE = module
  process.env.SHIM_CONTROL = path
  const file = openSync(path, 'r+')
  const write = (word: number, value: number) => {
    const bytes = Buffer.alloc(4)
    bytes.writeInt32LE(value)
    writeSync(file, bytes, 0, 4, word * 4)
  }
  const read = (word: number) => {
    const bytes = Buffer.alloc(4)
    readSync(file, bytes, 0, 4, word * 4)
    return bytes.readInt32LE()
  }
  return {
    module: built,
    delay: (microseconds) => write(words.delay, microseconds),
    fail(which, code, times = -1) {
      write(words.code, code)
      write(words.fail, which === 'all' ? allFunctions : functions[which] + 1)
      write(words.failures, times)
    },
    hold: (which, when) => write(words.hold, (functions[which] + 1) * (when === 'before' ? -1 : 1)),
    held: () => read(words.held),
    heal() {
      write(words.failures, 0)
      write(words.hold, 0)
    },
    counts: () => ({ mostInFlight: read(words.most), sessions: read(words.sessions), objects: read(words.objects) }),
    calls: (which) => read(words.calls + functions[which]),
    allCalls: () => Array.from({ length: functionCount }, (_, index) => read(words.calls + index)).reduce((sum, count) => sum + count, 0),
    resetMost: () => write(words.most, 0),
    close: () => closeSync(file),
  }
}
