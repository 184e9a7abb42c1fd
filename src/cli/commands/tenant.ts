import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { IssuedCertificate } from '../../admin/index.ts'
import { longestFreshness, permissions, roles } from '../../tenants/index.ts'
import { type Command, CommandError, type Invocation, numberOption, type OptionHelp, textOption, UsageError } from '../command.ts'
import { askNode, bundleFolder, configOf, dataWords, shownPath } from '../place.ts'

interface TenantSummary {
  readonly tenant: string
  readonly partition: string
  readonly kind: string
  readonly createdAt: string
}

const freshnessOption: OptionHelp = {
  type: 'string',
  value: 'MS',
  help: `milliseconds that a Destroy may go unseen on other nodes, ${longestFreshness} at most; 0 unless said`,
}

const tripleDesOption: OptionHelp = {
  type: 'string',
  value: 'allow|refuse',
  help: 'whether keys of 3DES are made and used; refused unless said',
}

/** @throws UsageError for another word. */
function tripleDesChoice(invocation: Invocation): boolean | undefined {
  const choice = textOption(invocation, '3des')
  if (choice === undefined || choice === 'allow' || choice === 'refuse') return choice && choice === 'allow'
  throw new UsageError(`--3des is allow or refuse, not ${choice}`)
}

function tripleDesWords(allowed: unknown): string {
  return allowed === true ? 'keys are made and used' : 'refused; its keys may be registered and given back'
}

const residentOptions: Readonly<Record<string, OptionHelp>> = {
  resident: {
    type: 'string',
    value: 'RULE',
    help: 'refused, allowed (the default) or required: keys that are objects of the token for good',
  },
  'resident-keys': { type: 'string', value: 'N', help: 'how many of them at a time; 100 unless said' },
}

function residentWords(rule: unknown, most: unknown): string {
  return `${rule ?? 'allowed'}, ${most ?? 100} at a time`
}

function residentChoice(invocation: Invocation): { readonly residentKeys?: string; readonly mostResidentKeys?: number } {
  const residentKeys = textOption(invocation, 'resident')
  const mostResidentKeys = numberOption(invocation, 'resident-keys')
  return { ...(residentKeys === undefined ? {} : { residentKeys }), ...(mostResidentKeys === undefined ? {} : { mostResidentKeys }) }
}

function freshnessWords(milliseconds: unknown): string {
  return milliseconds === 0
    ? '0 ms: what was answered is seen everywhere at once'
    : `${milliseconds} ms: a Destroy may go unseen on other nodes for so long`
}

function policyOptions(invocation: Invocation): { readonly freshness?: number; readonly tripleDes?: boolean } {
  const freshness = numberOption(invocation, 'freshness')
  const tripleDes = tripleDesChoice(invocation)
  return { ...(freshness === undefined ? {} : { freshness }), ...(tripleDes === undefined ? {} : { tripleDes }) }
}

export const tenantAdd: Command = {
  name: 'tenant add',
  usage: 'NAME [--partition P] [--freshness MS] [--3des allow]',
  summary: 'Make a tenant: a key space of its own, in a partition.',
  details: `Without --partition it gets a software partition of its own, named like the tenant. A tenant on an HSM needs its token first:
tresor partition add. Next: tresor tenant enroll NAME USER makes a client certificate.`,
  arity: [1, 1],
  options: {
    partition: { type: 'string', value: 'P', help: 'the partition that holds its keys' },
    freshness: freshnessOption,
    '3des': tripleDesOption,
  },
  async run(invocation) {
    const { output } = invocation
    const [tenant] = invocation.arguments
    const partition = textOption(invocation, 'partition')
    const policy = policyOptions(invocation)
    const made = await askNode<TenantSummary>(invocation, 'tenant.add', {
      tenant,
      ...(partition === undefined ? {} : { partition }),
      ...(Object.keys(policy).length === 0 ? {} : { policy }),
    })
    output.step('tenant', `${made.tenant}, ${made.kind} partition ${made.partition}`, { ...made })
    output.line()
    output.line(`Next, a certificate for its application: npx tresor ${dataWords(invocation)}tenant enroll ${made.tenant} app`)
  },
}

export const tenantList: Command = {
  name: 'tenant list',
  usage: '',
  summary: 'List the tenants.',
  arity: [0, 0],
  options: {},
  async run(invocation) {
    const { output } = invocation
    const tenants = await askNode<TenantSummary[]>(invocation, 'tenant.list')
    output.table(
      ['tenant', 'partition', 'kind', 'created'],
      tenants.map(({ tenant, partition, kind, createdAt }) => [tenant, partition, kind, createdAt]),
      { tenants },
    )
    if (tenants.length === 0) output.line(`There are no tenants yet. Make one: npx tresor ${dataWords(invocation)}tenant add NAME`)
  },
}

export const tenantShow: Command = {
  name: 'tenant show',
  usage: 'NAME',
  summary: 'Show a tenant: its partition, policy, users and how many objects it has.',
  arity: [1, 1],
  options: {},
  async run(invocation) {
    const [tenant] = invocation.arguments
    const shown = await askNode<
      TenantSummary & {
        readonly policy: Readonly<Record<string, unknown>>
        readonly residentKeysObstacle: string | null
        readonly objects: number
        readonly destroyed: number
        readonly users: readonly { readonly name: string; readonly permissions: readonly string[] }[]
      }
    >(invocation, 'tenant.show', { tenant })
    if (invocation.output.isJson) return invocation.output.json(shown)
    const { policy, residentKeysObstacle: obstacle, users, objects, destroyed, kind, partition, createdAt } = shown
    invocation.output.details({
      tenant: shown.tenant,
      partition: `${partition} (${kind})`,
      created: createdAt,
      objects: `${objects}, and ${destroyed} destroyed`,
      freshness: freshnessWords(policy.freshness),
      'resident keys': obstacle === null ? residentWords(policy.residentKeys, policy.mostResidentKeys) : `none. ${obstacle}`,
      '3DES': tripleDesWords(policy.tripleDes),
      'new keys': `${policy.defaultExtractable === true ? 'extractable' : 'not extractable'}, ${policy.defaultSensitive === true ? 'sensitive' : 'not sensitive'} where the client says nothing`,
      users: users.map(({ name, permissions: given }) => `${name} (${given.join(' ')})`),
    })
  },
}

export const tenantSet: Command = {
  name: 'tenant set',
  usage: 'NAME [--freshness MS] [--3des allow|refuse] [--resident RULE] [--resident-keys N]',
  summary: "Change a tenant's policy: how long a change may go unseen by its requests, 3DES, and resident keys.",
  details: `With a freshness of 0, the default, every request sees all that was answered before it came, on whichever node. With more, its requests may rely on
what their node knew so many milliseconds ago (${longestFreshness} at most), which spares them a round trip to the other nodes; a Destroy or Revoke
may go unseen for so long on other nodes and other connections. A shorter time holds on all nodes when this command ends.

3DES is for what cannot move to AES yet. Where it is refused its keys can still be registered, found and given back.

A resident key never leaves its token, not even wrapped; required: every key of the tenant is one (docs/hsm.md).`,
  arity: [1, 1],
  options: { freshness: freshnessOption, '3des': tripleDesOption, ...residentOptions },
  async run(invocation) {
    const [tenant] = invocation.arguments
    const resident = residentChoice(invocation)
    const policy = { ...policyOptions(invocation), ...resident }
    const { freshness, tripleDes } = policy
    if (Object.keys(policy).length === 0)
      throw new UsageError('--freshness MS, --3des allow|refuse, --resident RULE or --resident-keys N is missing: what is to be set')
    const { policy: after, residentKeysObstacle: obstacle } = await askNode<{
      readonly policy: Readonly<Record<string, unknown>>
      readonly residentKeysObstacle: string | null
    }>(invocation, 'tenant.set', { tenant, policy })
    if (Object.keys(resident).length > 0) {
      const words = residentWords(after.residentKeys, after.mostResidentKeys)
      const yet = obstacle === null ? '' : `; there are none yet. ${obstacle}`
      invocation.output.step('resident', `${words}, for tenant ${tenant}${yet}`, { tenant, ...resident })
    }
    if (freshness !== undefined)
      invocation.output.step('freshness', `${freshnessWords(freshness)}, for tenant ${tenant}`, { tenant, freshness })
    if (tripleDes !== undefined) invocation.output.step('3DES', `${tripleDesWords(tripleDes)}, for tenant ${tenant}`, { tenant, tripleDes })
  },
}

export const tenantRemove: Command = {
  name: 'tenant remove',
  usage: 'NAME',
  summary: 'Remove a tenant that never had objects, with its users.',
  details: `Records of destroyed objects stay, so a tenant that had any stays too: destroy its keys and dismiss its users instead. The name of one that was removed
is not given again: certificates of its clients may still be valid.`,
  arity: [1, 1],
  options: {},
  async run(invocation) {
    const [tenant] = invocation.arguments
    const removed = await askNode<{ readonly tenant: string }>(invocation, 'tenant.remove', { tenant })
    invocation.output.step('removed', `tenant ${removed.tenant}`, { ...removed })
  },
}

export const tenantEnroll: Command = {
  name: 'tenant enroll',
  usage: 'TENANT USER [--out DIR] [--csr FILE] [--role ROLE] [--days N]',
  summary: "Register a tenant's user and issue its client certificate.",
  details: `The bundle holds ca.pem, cert.pem, key.pem and client.p12 (its password beside it); the private key is made here and shown to nobody.
With --csr the key stays where the request was made, and the bundle has only ca.pem and cert.pem.
Roles: ${Object.entries(roles)
    .map(([role, given]) => `${role} (${given.join(' ')})`)
    .join(', ')}.
${Object.entries(permissions)
  .map(([name, text]) => `  ${name.padEnd(12)}${text}`)
  .join('\n')}`,
  arity: [2, 2],
  options: {
    out: { type: 'string', value: 'DIR', help: 'where the bundle goes; clients/TENANT/USER in the data folder unless said' },
    csr: { type: 'string', value: 'FILE', help: 'a PKCS#10 certificate request (PEM) with the key to certify' },
    role: { type: 'string', value: 'ROLE', help: `one of ${Object.keys(roles).join(', ')}; full unless said` },
    days: { type: 'string', value: 'N', help: 'how long the certificate is valid; 365 unless said' },
  },
  async run(invocation) {
    const { output } = invocation
    const { makeBundle, writeCertified } = await import('../bundle.ts')
    const [tenant = '', user = ''] = invocation.arguments
    const out = textOption(invocation, 'out')
    const csr = textOption(invocation, 'csr')
    const role = textOption(invocation, 'role')
    const days = numberOption(invocation, 'days')
    const enroll = async (key: object) => {
      const call = { tenant, user, ...(role === undefined ? {} : { role }), ...(days === undefined ? {} : { days }), ...key }
      return (await askNode<{ readonly issued: IssuedCertificate }>(invocation, 'tenant.enroll', call)).issued
    }
    const folder = out === undefined ? bundleFolder((await configOf(invocation)).data, tenant, user) : resolve(out)
    if (csr === undefined) await makeBundle(folder, (publicKey) => enroll({ publicKey }))
    else await writeCertified(folder, await enroll({ csr: readRequest(csr) }))
    const files = csr === undefined ? 'ca.pem, cert.pem, key.pem, client.p12' : 'ca.pem, cert.pem'
    output.step('client', `${shownPath(folder)}  (${files})`, { tenant, user, bundle: folder })
  },
}

export const tenantDismiss: Command = {
  name: 'tenant dismiss',
  usage: 'TENANT USER',
  summary: 'Remove a user: its certificate is refused from now on.',
  arity: [2, 2],
  options: {},
  async run(invocation) {
    const [tenant, user] = invocation.arguments
    await askNode(invocation, 'tenant.dismiss', { tenant, user })
    invocation.output.step('dismissed', `user ${user} of tenant ${tenant}`, { tenant, user })
  },
}

export const tenantPassword: Command = {
  name: 'tenant password',
  usage: 'TENANT USER --file FILE',
  summary: 'Give a user a KMIP password, for clients that share a certificate within the tenant.',
  details:
    'A KMIP Credential (username and password) narrows what the certificate says to one user of the same tenant; it never leads to another.',
  arity: [2, 2],
  options: {
    file: { type: 'string', value: 'FILE', help: 'holds the password (8 characters or more) in its first line; - for standard input' },
  },
  async run(invocation) {
    const [tenant, user] = invocation.arguments
    const file = textOption(invocation, 'file')
    if (file === undefined) throw new UsageError('--file FILE is missing: a password on the command line would be seen by others')
    const [password = ''] = readText(file === '-' ? 0 : resolve(file), file).split(/\r?\n/)
    await askNode(invocation, 'tenant.password', { tenant, user, password })
    invocation.output.step('password', `set for user ${user} of tenant ${tenant}`, { tenant, user })
  },
}

function readRequest(file: string): string {
  const text = readText(resolve(file), file)
  if (/-----BEGIN (NEW )?CERTIFICATE REQUEST-----/.test(text)) return text
  throw new CommandError(
    `${file} is no certificate request (PEM); make one: openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -subj / -out ${file}`,
  )
}

function readText(file: string | number, shown: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new CommandError(`${shown} cannot be read (${(error as NodeJS.ErrnoException).code})`, { cause: error })
  }
}
