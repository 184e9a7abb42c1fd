import { type AttributeRule, attributes, type ChangeRule } from '../spec/attributes.ts'
import { type EnumerationValue, enumerations, type ValueRow } from '../spec/enumerations.ts'
import { type OperationName, type OperationRow, operations } from '../spec/operations.ts'
import { reasonIn } from '../spec/reasons.ts'
import { type TagName, type TagRow, tags } from '../spec/tags.ts'
import { isWithin, servedVersions, type Version } from '../spec/versions.ts'
import { describeCryptography } from './kmip-docs-cryptography.ts'
import { span, table } from './kmip-docs-tables.ts'
import { operationTable } from './operations/index.ts'
import { mostItems } from './operations/locate.ts'
import { objectTypes } from './operations/query.ts'
import { longestRandom } from './operations/rng-retrieve.ts'
import { keptAfterPoll, keptFor } from './server/job-record.ts'
import { defaultServerLimits } from './server/limits.ts'
import { largestContent } from './server/request-jobs.ts'
import { longestLease } from './server/request-tickets.ts'
import { permissions, roles } from './tenants/permissions.ts'

/** docs/kmip.md, made from the tables of spec/ and from what the code does with them. */
export function describeKmip(): string {
  return `# KMIP as Tresor speaks it

Made by \`node bin/docs.js\` from the tables that the code itself reads, and, where a choice is code, by asking the code. Versions:
${oldestFirst.join(', ')}. "1.2 on" means KMIP 1.2 and every later version served. A client is never told of what its version does not know. Clauses are those of
KMIP 2.1. Encodings: TTLV over TLS; TTLV, XML and JSON over HTTPS (\`listen.https\`).

## Operations

"Permission" is what the user's role must give (below). "ID Placeholder": *reads* means that a Batch Item without a Unique Identifier is about the object of the
batch's item before it; *sets* means that its own object is the next items' (of\nLocate: when it found exactly one).

${operationsTable()}

Put and Notify are not served. Batches take Stop, Continue and Undo as Batch Error Continuation Option.

### Tickets

From 2.0 on, Login answers a ticket, which later requests carry as a Credential of type Ticket, to any node. It spares a user who proves who they are by a
password from sending it with each request, and can be bounded.

- A ticket adds nothing to what its client has: each request needs the client certificate that Login came with, and may do what the user may do at that time. A
  revoked certificate, a removed user or another password ends it. A ticket is not asked for with a ticket.
- Lease Time: an interval or a date, ${longestLease / 3600} hours at most and when nothing (or an interval of 0) is said. Request Count: requests that it lets in, whatever comes
  of them. Usage Limits: Batch Items that succeed (Object), or bytes of their Data (Byte). Neither is ever passed, on however many nodes a ticket is used.
- Once Logout is answered no request that reaches a node is let in. A ticket that lets nobody in is refused with Invalid Ticket, whatever the reason.
- The store has a hash of it. A request with a Request Count or Usage Limits costs a commit, another one nothing. A tenant has \`limits.ticketsPerTenant\` at most.

### Asynchronous requests

An item is answered *Operation Pending* with an Asynchronous Correlation Value once it is stored, on every node; Poll answers what it would have been answered at
once.

- When: Asynchronous Indicator Mandatory (2.x), for all items; true (1.x), for an item that is alone in its request; Optional (2.x), for a Create Key Pair that is.
  Answered at once all the same, and refused when the client insists: Get and RNG Retrieve, whose answers are not kept, operations in parts, and what is about the
  server or the connection. Poll, Cancel, Process and Query Asynchronous Requests are never asynchronous.
- An item is carried out once, by one process of one node, and by another when that one dies: its answer is written by the commit that makes its changes. It begins
  half a second after its answer, or with the first Poll, at any node. Poll waits a second for it; Process until it is done.
- Items of a batch are carried out in their order, each by itself; after Stop, one that follows a failure is refused with Operation Canceled By Requester. An item
  cannot refer to one before it, and Undo takes none.
- Who asked is judged anew when it is carried out: a certificate that was revoked meanwhile, or a permission that was withdrawn, fails it.
- Cancel answers Canceled until the item is carried out, then Completed or Failed; for a value of longer than ${keptFor / 3600} hours ago Unavailable. A value is its user's: to
  everybody else it is Invalid Asynchronous Correlation Value.
- What is asked and answered is kept wrapped by the tenant's partition, ${keptFor / 3600} hours, or ${keptAfterPoll} seconds from the first Poll that answered it, so that a client which
  lost the answer can ask again. An epoch turn of the partition waits for items that are to be carried out; the answers that it finds go with their epoch.
- A tenant has \`limits.jobsPerTenant\` of them that wait or were not polled; an item and its answer have ${largestContent / 1024} KiB each at most.

### Operations in parts

From 1.3 on, Encrypt, Decrypt, Sign, Signature Verify, MAC, MAC Verify and Hash take their data in parts: the first with Init Indicator, the others with the
Correlation Value that it answered, the last of them with Final Indicator also. \`Query\` (Capabilities) says whether the tenant's partition does it.

- Every part names the key and is a use of it: one that is revoked, destroyed or expired meanwhile ends the stream. Usage Limits in bytes count each part,
  those in objects the first.
- IV, additional data and (Decrypt) the tag come with the first part, the signature or MAC to verify with the first or the last. Cryptographic Parameters of
  later parts are not looked at.
- Decrypt with an authentication tag answers its plain text with the last part, once the tag is verified.
- In parts there are no RSA encryption, EdDSA, CCM, XTS, GMAC, and no Digested Data: they work on the whole. Nor is there CMAC in software partitions, nor
  on a token what its module does on whole messages only, which is refused by name.
- A stream belongs to the tenant, user, operation and key that began it, and lives in the node that answered its first part; the user's other connections to
  that node may send parts, one after another. A part that is refused ends it (but for a Correlation Value that is not its client's), and so does a batch that
  is undone, a node's end, and \`limits.streamIdleTimeout\`. Nothing of it is stored.
- On a token a stream has a session of its own, in the \`hsm\` process, and there are 32 at most; when the device fails in the middle the next part is answered
  General Failure, and the stream is over.
- How many there may be, and how much plain text may wait for its tag: \`limits.streams...\` in [configuration.md](configuration.md).

## Permissions and roles

${table(
  ['permission', 'allows', 'roles that have it'],
  Object.entries(permissions).map(([name, what]) => [
    `\`${name}\``,
    what,
    Object.entries(roles)
      .filter(([, has]) => (has as readonly string[]).includes(name))
      .map(([role]) => role)
      .join(', '),
  ]),
)}

## Object types

${objectTypesTable()}

## Attributes

"At creation": a request that makes or registers the object may carry it. "Later": how a client may add, change and delete it by the attribute operations;
where it stands for several instances, each by itself. Vendor attributes (\`x-\` names in 1.x) are the client's own, but for \`Resident\` of \`Tresor\`.

${attributesTable()}

${describeCryptography()}

## Result reasons

What a refusal is called in each version. A reason that a version lacks becomes the nearest that it has.

${reasonsTable()}

## Limits

Each is checked before anything is allocated. Those with a key are set in the configuration (docs/configuration.md).

${limitsTable()}
`
}

const oldestFirst: readonly Version[] = [...servedVersions].reverse()

function operationsTable(): string {
  const rows = (Object.keys(operations) as OperationName[]).map((name) => {
    const row: OperationRow = operations[name]
    const { permission, also, needsObject, placeholder } = operationTable[name]
    const roleOfPlaceholder = [...(needsObject ? ['reads'] : []), ...(placeholder === undefined ? [] : ['sets'])].join(', ')
    return [
      enumerations.Operation[name].name,
      span(row),
      row.clause,
      permission === 'none' || permission === 'own'
        ? 'none'
        : [permission, also]
            .filter(Boolean)
            .map((one) => `\`${one}\``)
            .join(', '),
      roleOfPlaceholder,
    ]
  })
  return table(['operation', 'versions', 'clause', 'permission', 'ID Placeholder'], rows)
}

const madeBy: Partial<Record<EnumerationValue<'ObjectType'>, string>> = {
  SymmetricKey: 'Create, Derive Key, Register',
  SecretData: 'Create, Derive Key, Register',
  PublicKey: 'Create Key Pair, Register',
  PrivateKey: 'Create Key Pair, Register',
}

function objectTypesTable(): string {
  return table(
    ['object type', 'versions', 'made by'],
    objectTypes.map((name) => [enumerations.ObjectType[name].name, span(enumerations.ObjectType[name]), madeBy[name] ?? 'Register']),
  )
}

const changeTexts: Readonly<Record<ChangeRule, string>> = {
  yes: 'yes',
  no: 'no',
  'pre-active': 'while Pre-Active',
  'pre-active-or-active': 'while Pre-Active or Active',
  'before-reached': 'until the date is reached',
  'before-allocation': 'until some of it is used',
}

function attributesTable(): string {
  const rows = Object.entries(attributes).map(([name, given]) => {
    const rule: AttributeRule = given
    const byClient = rule.setBy.includes('client')
    const types = rule.objects?.map((type) => enumerations.ObjectType[type].name).join(', ') ?? 'all'
    return [
      name === 'VendorAttribute' ? 'vendor attributes' : tagName((rule.tag ?? name) as TagName),
      span(rule),
      rule.instances === 'many' ? 'several' : 'one',
      rule.setBy.join(', '),
      byClient || rule.givenAtCreation === true ? 'yes' : 'no',
      byClient ? 'yes' : 'no',
      changeTexts[rule.modifiable],
      changeTexts[rule.deletable],
      types,
    ]
  })
  return table(['attribute', 'versions', 'instances', 'set by', 'at creation', 'later: add', 'change', 'delete', 'object types'], rows)
}

function tagName(name: TagName): string {
  const row: TagRow = tags[name]
  return row.name
}

function reasonsTable(): string {
  const rows: string[][] = []
  for (const name of Object.keys(enumerations.ResultReason) as EnumerationValue<'ResultReason'>[]) {
    const row: ValueRow = enumerations.ResultReason[name]
    if (!servedVersions.some((version) => isWithin(version, row.since, row.until))) continue
    const told = runs((version) => enumerations.ResultReason[reasonIn(version, name)].name)
    rows.push([row.name, told.map(({ value, from, to }) => `${from === to ? from : `${from} to ${to}`}: ${value}`).join('; ')])
  }
  return table(['reason', 'told as'], rows)
}

/** Consecutive versions that are told the same. */
function runs(valueIn: (version: Version) => string): { value: string; from: Version; to: Version }[] {
  const found: { value: string; from: Version; to: Version }[] = []
  for (const version of oldestFirst) {
    const value = valueIn(version)
    const last = found.at(-1)
    if (last?.value === value) last.to = version
    else found.push({ value, from: version, to: version })
  }
  return found
}

function limitsTable(): string {
  const { frameBytes, batchItems, depth, items } = defaultServerLimits
  const number = (value: number) => value.toLocaleString('en-US')
  return table(
    ['what', 'limit', 'key'],
    [
      ['bytes of a message', number(frameBytes), '`limits.frameBytes`'],
      ['Batch Items of a request', number(batchItems), '`limits.batchItems`'],
      ['structures inside structures', number(depth), '`limits.depth`'],
      ['items of a message', number(items), '`limits.items`'],
      ['Unique Identifiers of one Locate; the next ones by Offset Items', number(mostItems), ''],
      ['bytes of one RNG Retrieve', number(longestRandom), ''],
    ],
  )
}
