import { createHash } from 'node:crypto'
import { KmipError } from '../../spec/kmip-error.ts'
import { anyUsage, type Certificate, clientAuthentication, readCertificate } from './certificate.ts'
import { readClientUri } from './client-uri.ts'
import type { TenantId } from './names.ts'
import { type Pattern, pattern } from './patterns.ts'
import type { Permission } from './permissions.ts'
import type { Rule, SettingsView, Tenant, User } from './settings.ts'
import { type Anchor, type Path, pathTo, RevocationLists, readAnchor, type TrustFile } from './trust.ts'

/** Who makes a request: a user of one tenant. Made here alone; whoever holds it may act in that tenant and in no other. */
export interface Identity {
  readonly tenant: TenantId
  readonly user: string
  readonly permissions: ReadonlySet<Permission>
  readonly certificate: {
    /** SHA-256 of the leaf, hexadecimal. */
    readonly fingerprint: string
    readonly serial: string
    /** SHA-256 of the anchor's key. */
    readonly anchor: string
    /** Milliseconds. */
    readonly notAfter: number
  }
  /** The rule that mapped it; undefined for a bundle that Tresor issued. */
  readonly rule: string | undefined
}

/** Whether an identity has a permission. */
export function mayDo(identity: Identity, permission: Permission): boolean {
  return identity.permissions.has(permission)
}

/** @throws KmipError PermissionDenied, naming who and what. */
export function demand(identity: Identity, permission: Permission): void {
  if (!mayDo(identity, permission)) {
    throw new KmipError('PermissionDenied', `User ${identity.user} of tenant ${identity.tenant} has no permission "${permission}".`)
  }
}

/** Tresor's own client authorities and the revocation lists, as read from files. */
export interface TrustFiles {
  readonly authorities: readonly TrustFile[]
  readonly crls: readonly TrustFile[]
  /** What happens when a list's Next Update has passed: it stays in force (`use`, the default) or its authority's clients are refused. */
  readonly overdueCrl?: 'use' | 'refuse'
}

interface Mapping {
  readonly leaf: Certificate
  readonly path: Path
  readonly identity: Identity
}

/** Decides who a certificate is. Works from the leaf alone, so a resumed TLS session is judged like a new one. */
export class Identities {
  readonly #view: () => SettingsView
  readonly #now: () => number
  #files: TrustFiles = { authorities: [], crls: [] }
  #own: readonly Anchor[] = []
  #lists = new RevocationLists([])
  #known = new Map<string, Mapping | KmipError>()
  /** How each identity's certificate was believed, for as long as a connection holds it; survives new settings and lists. */
  readonly #mappings = new WeakMap<Identity['certificate'], Mapping>()
  #generation = -1
  #rules: readonly CompiledRule[] = []
  #anchors: ReadonlyMap<string, readonly Anchor[]> = new Map()

  constructor(view: () => SettingsView, now: () => number) {
    this.#view = view
    this.#now = now
  }

  /** Takes new authorities and lists in place of the old. @throws Error naming the file; the old ones then stay. */
  trust(files: TrustFiles): void {
    const own = files.authorities.map(({ name, content }) => readAnchor(name, Buffer.from(content).toString('utf8'), true))
    this.#lists = new RevocationLists(files.crls)
    this.#own = own
    this.#files = files
    this.#generation = -1
  }

  /**
   * Who the holder of this certificate is now.
   * @throws KmipError AuthenticationNotSuccessful saying what to change: no rule or two, outside its validity, revoked, tenant or user unknown.
   */
  identify(leaf: Uint8Array): Identity {
    this.#refresh()
    const fingerprint = createHash('sha256').update(leaf).digest('hex')
    let known = this.#known.get(fingerprint)
    if (known === undefined) {
      known = this.#map(leaf)
      if (this.#known.size >= cacheSize) this.#known.clear()
      this.#known.set(fingerprint, known)
    }
    if (known instanceof KmipError) throw known
    this.#checkTime(known)
    return known.identity
  }

  /** The CA certificates of all anchors and their intermediates (PEM), for the TLS listener. */
  authorities(): readonly string[] {
    this.#refresh()
    const all = [...this.#anchors.values()].flat().flatMap((anchor) => [anchor.certificate, ...anchor.intermediates])
    return [...new Set(all.map((one) => one.parsed.toString()))]
  }

  /** Sentences for the log about revocation lists. */
  problems(): readonly string[] {
    this.#refresh()
    const issuers = [...this.#anchors.values()].flat().flatMap((anchor) => [anchor.certificate, ...anchor.intermediates])
    return this.#lists.problems(issuers, this.#now())
  }

  #refresh(): void {
    const view = this.#view()
    if (view.generation === this.#generation) return
    this.#rules = [...view.rules.values()].map(({ value }) => compile(value))
    const anchors = new Map<string, Anchor[]>()
    for (const anchor of [...this.#own, ...this.#rules.map((rule) => rule.anchor)]) {
      const same = anchors.get(anchor.key) ?? []
      anchors.set(anchor.key, [...same, anchor])
    }
    this.#anchors = anchors
    this.#known = new Map()
    this.#generation = view.generation
  }

  #map(der: Uint8Array): Mapping | KmipError {
    try {
      const leaf = readCertificate(der)
      checkKind(leaf)
      return this.#decide(leaf)
    } catch (error) {
      return error instanceof KmipError ? error : refusal(`The client certificate cannot be read: ${(error as Error).message}.`, error)
    }
  }

  #decide(leaf: Certificate): Mapping {
    const view = this.#view()
    const paths = new Map<Anchor, Path>()
    for (const anchor of [...this.#anchors.values()].flat()) {
      const path = pathTo(anchor, leaf)
      if (path !== undefined) paths.set(anchor, path)
    }
    const claims: Claim[] = []
    for (const [anchor, path] of paths) {
      if (anchor.own) claims.push(...ownClaims(leaf, anchor, path))
    }
    for (const rule of this.#rules) {
      const path = paths.get(rule.anchor)
      if (path !== undefined) claims.push(...rule.claims(leaf).map((claim) => ({ ...claim, anchor: rule.anchor, path, rule: rule.source })))
    }
    const [claim, second] = claims
    if (claim === undefined) throw refusal(whyNone(leaf, paths.size))
    if (second !== undefined) {
      const names = claims.map((one) => `${one.rule === undefined ? 'its own URI' : `rule ${one.rule.id}`} (${one.user} of ${one.tenant})`)
      throw refusal(
        `The client certificate ${label(leaf)} is mapped more than once: ${names.join(', ')}. Narrow the rules until one is left.`,
      )
    }
    const { tenant, permissions } = lookUp(view, claim)
    const { fingerprint, serial, notAfter } = leaf
    const certificate = { fingerprint, serial, anchor: claim.anchor.key, notAfter }
    const identity = { tenant: tenant.id, user: claim.user, permissions, certificate, rule: claim.rule?.id }
    const mapping = { leaf, path: claim.path, identity }
    this.#mappings.set(certificate, mapping)
    return mapping
  }

  /** What time changes is judged at each call, from the cache or not. */
  #checkTime({ leaf, path }: Mapping): void {
    const now = this.#now()
    for (const [index, one] of [leaf, ...path].entries()) {
      const which = index === 0 ? `The client certificate ${label(one)}` : `The authority ${label(one)} above the client certificate`
      if (now > one.notAfter) throw refusal(`${which} expired on ${new Date(one.notAfter).toISOString()}; renew it.`)
      if (now < one.notBefore) throw refusal(`${which} is not valid before ${new Date(one.notBefore).toISOString()}; check the clocks.`)
      const issuer = path[index]
      const list = issuer === undefined ? undefined : this.#lists.of(issuer)
      if (list?.revoked.has(one.serial)) throw refusal(`${which} is revoked.`)
      if (this.#files.overdueCrl === 'refuse' && list?.nextUpdate !== undefined && list.nextUpdate < now) {
        throw refusal(
          `The revocation list of ${label(issuer!)} is overdue since ${new Date(list.nextUpdate).toISOString()}; install the next one.`,
        )
      }
    }
  }

  /** Whether an identity's certificate, or one above it, stands in a list now; then its connections are closed. */
  crlRevoked(identity: Identity): boolean {
    const mapping = this.#mappings.get(identity.certificate)
    if (mapping === undefined) throw new Error('This identity was made elsewhere.')
    return [mapping.leaf, ...mapping.path].some((one, index) => {
      const issuer = mapping.path[index]
      return issuer !== undefined && this.#lists.of(issuer)?.revoked.has(one.serial) === true
    })
  }
}

interface Claim {
  readonly tenant: string
  readonly user: string
  readonly anchor: Anchor
  readonly path: Path
  readonly rule: Rule | undefined
}

/** Certificates kept with their identity, and refusals; then the cache starts anew. */
const cacheSize = 20_000

function checkKind(leaf: Certificate): void {
  if (leaf.authority) throw refusal(`The client certificate ${label(leaf)} is a CA's; use a certificate that it issued.`)
  if (leaf.usages !== undefined && !leaf.usages.includes(clientAuthentication) && !leaf.usages.includes(anyUsage)) {
    throw refusal(`The client certificate ${label(leaf)} is not for client authentication (Extended Key Usage); issue one that is.`)
  }
}

function ownClaims(leaf: Certificate, anchor: Anchor, path: Path): readonly Claim[] {
  const domain = anchor.certificate.fields.URI.map((uri) => /^spiffe:\/\/([^/]+)$/.exec(uri)?.[1]).find((name) => name !== undefined)
  return leaf.fields.URI.flatMap((uri) => {
    const named = readClientUri(uri)
    if (named === undefined || (domain !== undefined && named.trustDomain !== domain)) return []
    return [{ tenant: named.tenant, user: named.user, anchor, path, rule: undefined }]
  })
}

interface CompiledRule {
  readonly source: Rule
  readonly anchor: Anchor
  claims(leaf: Certificate): readonly { readonly tenant: string; readonly user: string }[]
}

/** @throws Error when the rule cannot be used as it stands. */
export function compile(rule: Rule): CompiledRule {
  const anchor = readAnchor(`rule ${rule.id}`, rule.anchor, false)
  const tests = rule.match.map(({ field, pattern: text }) => ({ field: field as keyof Certificate['fields'], pattern: pattern(text) }))
  return {
    source: rule,
    anchor,
    claims(leaf) {
      const found = tests.reduce<Bindings[]>(
        (bindings, one) => bindings.flatMap((before) => extend(before, leaf.fields[one.field], one.pattern)),
        [{}],
      )
      const claims = found.map((bindings) => ({ tenant: fill(rule.tenant, bindings), user: fill(rule.user, bindings) }))
      return claims.filter(
        (claim, index) => claims.findIndex((other) => other.tenant === claim.tenant && other.user === claim.user) === index,
      )
    },
  }
}

type Bindings = Readonly<Record<string, string>>

function extend(before: Bindings, values: readonly string[], wanted: Pattern): Bindings[] {
  return values.slice(0, valuesPerField).flatMap((value) => {
    const bound = wanted.match(value)
    if (bound === undefined) return []
    const agrees = Object.entries(bound).every(([name, text]) => before[name] === undefined || before[name] === text)
    return agrees ? [{ ...before, ...bound }] : []
  })
}

/** More names than this in one field are not looked at: a certificate cannot make matching slow. */
const valuesPerField = 16

function fill(template: string, bindings: Bindings): string {
  return template.replace(/^\{(tenant|user)\}$/, (_, name: string) => bindings[name] ?? '')
}

function lookUp(view: SettingsView, claim: Claim): { readonly tenant: Tenant; readonly permissions: ReadonlySet<Permission> } {
  const tenant = livingTenant(view, claim.tenant)
  if (tenant === undefined) throw refusal(`Tenant ${claim.tenant} does not exist here.`)
  const user = view.users.get(`${claim.tenant}/${claim.user}`)?.value
  const permissions = user === undefined ? claim.rule?.permissions : user.removedAt === undefined ? user.permissions : undefined
  if (permissions === undefined) {
    throw refusal(
      `User ${claim.user} of tenant ${claim.tenant} is not enrolled here; run: tresor tenant enroll ${claim.tenant} ${claim.user}`,
    )
  }
  return { tenant, permissions: new Set(permissions) }
}

export function livingTenant(view: SettingsView, id: string): Tenant | undefined {
  const tenant = view.tenants.get(id)?.value
  return tenant?.removedAt === undefined ? tenant : undefined
}

export function livingUser(view: SettingsView, tenant: string, name: string): User | undefined {
  const user = view.users.get(`${tenant}/${name}`)?.value
  return user?.removedAt === undefined ? user : undefined
}

function whyNone(leaf: Certificate, anchors: number): string {
  if (anchors === 0)
    return `The client certificate ${label(leaf)} hangs under no authority known here; add its CA, with the intermediates between, by a rule.`
  return `No rule maps the client certificate ${label(leaf)} to a tenant.`
}

function label(certificate: Certificate): string {
  const { CN, URI } = certificate.fields
  return `"${(URI[0] ?? CN[0] ?? certificate.serial).slice(0, 200).replace(/[^\x20-\x7e]/g, '?')}"`
}

function refusal(message: string, cause?: unknown): KmipError {
  return new KmipError('AuthenticationNotSuccessful', message, { cause })
}
