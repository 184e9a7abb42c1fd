import { type Certificate, keyHash, readCertificates } from './certificate.ts'
import { type Crl, readCrl } from './crl.ts'

/** A CA that certificates are believed under, known by its key. Intermediates are those that the operator gave, never those that a peer sends. */
export interface Anchor {
  readonly certificate: Certificate
  /** SHA-256 of its SPKI. */
  readonly key: string
  readonly intermediates: readonly Certificate[]
  /** One of Tresor's own: its certificates say the tenant and user in their URI. */
  readonly own: boolean
}

/** A text with its file's name, for messages. */
export interface TrustFile {
  readonly name: string
  readonly content: Uint8Array
}

/** Reads an anchor: a CA certificate, then any intermediates below it. @throws Error that names the source. */
export function readAnchor(name: string, pem: string, own: boolean): Anchor {
  const [certificate, ...intermediates] = readCertificates(pem)
  if (certificate === undefined) throw new Error(`${name}: holds no PEM "CERTIFICATE"`)
  for (const one of [certificate, ...intermediates]) {
    if (!one.authority) throw new Error(`${name}: ${one.parsed.subject.replaceAll('\n', ', ')} is not a CA's certificate`)
  }
  return { certificate, key: keyHash(certificate.parsed.publicKey), intermediates, own }
}

/** How a leaf hangs under an anchor: from its issuer up to the anchor. Undefined when it does not. */
export type Path = readonly Certificate[]

export function pathTo(anchor: Anchor, leaf: Certificate): Path | undefined {
  return climb(leaf, anchor, [])
}

function climb(from: Certificate, anchor: Anchor, above: Path): Path | undefined {
  if (issued(from, anchor.certificate)) return [...above, anchor.certificate]
  for (const next of anchor.intermediates) {
    if (above.includes(next) || !issued(from, next)) continue
    const path = climb(next, anchor, [...above, next])
    if (path !== undefined) return path
  }
  return undefined
}

/** Names say where to look; only the key's signature counts. */
function issued(child: Certificate, issuer: Certificate): boolean {
  return child.issuer === issuer.subject && child.parsed.verify(issuer.parsed.publicKey)
}

/** The revocation lists in force, and what is wrong with those that are not. */
export class RevocationLists {
  readonly #lists: readonly { readonly name: string; readonly crl: Crl }[]
  /** Found once per issuer: this is asked at each request. */
  readonly #byIssuer = new WeakMap<Certificate, { readonly crl: Crl | undefined }>()

  /** @throws Error that names the file which cannot be read: a list that is left out silently would un-revoke. */
  constructor(files: readonly TrustFile[]) {
    this.#lists = files.map(({ name, content }) => {
      try {
        return { name, crl: readCrl(content) }
      } catch (error) {
        throw new Error(`${name}: ${(error as Error).message}`, { cause: error })
      }
    })
  }

  /** The newest list that this issuer's key signed. */
  of(issuer: Certificate): Crl | undefined {
    let found = this.#byIssuer.get(issuer)
    if (found === undefined) {
      const key = issuer.parsed.publicKey
      const signed = this.#lists.map(({ crl }) => crl).filter((crl) => crl.issuer === issuer.subject && crl.signedBy(key))
      found = { crl: signed.sort((a, b) => b.thisUpdate - a.thisUpdate)[0] }
      this.#byIssuer.set(issuer, found)
    }
    return found.crl
  }

  /** Sentences for the log: lists that no known CA signed (they have no effect) and lists whose Next Update has passed (they stay in force). */
  problems(issuers: readonly Certificate[], now: number): readonly string[] {
    return this.#lists.flatMap(({ name, crl }) => {
      if (!issuers.some((issuer) => crl.issuer === issuer.subject && crl.signedBy(issuer.parsed.publicKey))) {
        return [`${name}: no configured authority signed this revocation list; it has no effect`]
      }
      const overdue = crl.nextUpdate !== undefined && crl.nextUpdate < now
      return overdue
        ? [`${name}: the next revocation list was due on ${new Date(crl.nextUpdate!).toISOString()}; the old one stays in force`]
        : []
    })
  }
}
