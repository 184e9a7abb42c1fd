import type { Cryptoki, Handle, Mechanism } from './cryptoki.ts'

/** An operation that a device does in parts. */
export type PartsKind = 'encrypt' | 'decrypt' | 'sign' | 'digest'

/** The calls of each: `begin`, then `update` as often as there are parts, then `end`. */
interface PartsCalls {
  begin(library: Cryptoki, session: Handle, mechanism: Mechanism, key: Handle): void
  /** What the part gave; nothing where the result comes at the end. */
  update(library: Cryptoki, session: Handle, data: Buffer, room: number): Buffer
  end(library: Cryptoki, session: Handle, room: number): Buffer
}

export const partsCalls: Readonly<Record<PartsKind, PartsCalls>> = {
  encrypt: {
    begin: (library, session, mechanism, key) => library.C_EncryptInit(session, mechanism, key),
    update: (library, session, data, room) => library.C_EncryptUpdate(session, data, Buffer.allocUnsafe(room)),
    end: (library, session, room) => library.C_EncryptFinal(session, Buffer.allocUnsafe(room)),
  },
  decrypt: {
    begin: (library, session, mechanism, key) => library.C_DecryptInit(session, mechanism, key),
    update: (library, session, data, room) => library.C_DecryptUpdate(session, data, Buffer.allocUnsafe(room)),
    end: (library, session, room) => library.C_DecryptFinal(session, Buffer.allocUnsafe(room)),
  },
  sign: {
    begin: (library, session, mechanism, key) => library.C_SignInit(session, mechanism, key),
    update(library, session, data) {
      library.C_SignUpdate(session, data)
      return nothing
    },
    end: (library, session, room) => library.C_SignFinal(session, Buffer.allocUnsafe(room)),
  },
  digest: {
    begin: (library, session, mechanism) => library.C_DigestInit(session, mechanism),
    update(library, session, data) {
      library.C_DigestUpdate(session, data)
      return nothing
    },
    end: (library, session, room) => library.C_DigestFinal(session, Buffer.allocUnsafe(room)),
  },
}

const nothing = Buffer.alloc(0)
