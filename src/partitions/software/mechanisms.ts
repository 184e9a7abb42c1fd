import { getCiphers, getCurves, getHashes } from 'node:crypto'
import { type MechanismRow, mechanismTable, rowsThat } from '../mechanism-table.ts'
import type { MechanismName } from '../partition.ts'
import { hasImplicitRejection } from './implicit-rejection.ts'

type ByLength = Readonly<Record<number, string>>

/** OpenSSL's cipher for each mechanism name, by the key's length in bytes. */
export const ciphers: Readonly<Record<MechanismName, ByLength>> = Object.fromEntries(
  rowsThat('encrypt').flatMap(({ name, software }) =>
    typeof software === 'object' && 'ciphers' in software ? [[name, software.ciphers]] : [],
  ),
)

/** OpenSSL's key-wrap ciphers (RFC 3394 and RFC 5649) with their fixed initial values. */
export const wraps = {
  'AES-KEY-WRAP': { iv: Buffer.from('a6a6a6a6a6a6a6a6', 'hex'), ciphers: wrapCiphers('AES-KEY-WRAP') },
  'AES-KEY-WRAP-PAD': { iv: Buffer.from('a65959a6', 'hex'), ciphers: wrapCiphers('AES-KEY-WRAP-PAD') },
}

/** What this process's OpenSSL offers, as mechanism names. */
export function softwareMechanisms(): ReadonlySet<MechanismName> {
  listed ??= listMechanisms()
  return listed
}

let listed: ReadonlySet<MechanismName> | undefined

function listMechanisms(): ReadonlySet<MechanismName> {
  const nodeCiphers = new Set(getCiphers())
  const nodeCurves = new Set(getCurves())
  const nodeHashes = new Set(getHashes())
  const isHad = ({ software }: MechanismRow): boolean => {
    if (software === undefined) return false
    if (software === 'always') return true
    if (software === 'with implicit rejection') return hasImplicitRejection()
    if (software === 'without implicit rejection') return !hasImplicitRejection()
    if ('ciphers' in software) return Object.values(software.ciphers).every((cipher) => nodeCiphers.has(cipher))
    return 'hash' in software ? nodeHashes.has(software.hash) : nodeCurves.has(software.curve)
  }
  return new Set(mechanismTable.filter(isHad).map(({ name }) => name))
}

function wrapCiphers(wrap: string): ByLength {
  const row = rowsThat('wrap').find((one) => one.wrap === wrap)
  return typeof row?.software === 'object' && 'ciphers' in row.software ? row.software.ciphers : {}
}
