import { readFileSync } from 'node:fs'
import { roles } from '../../tenants/index.ts'
import { type Command, CommandError, textOption, UsageError } from '../command.ts'
import { askNode } from '../place.ts'

export const ruleAdd: Command = {
  name: 'rule add',
  usage: 'ID --anchor FILE --match FIELD=PATTERN ... --tenant T --user U [--role ROLE]',
  summary: 'Let certificates of your own authority in: map them to a tenant and a user.',
  details: `A rule holds for certificates under its anchor's key alone. Every --match must fit the whole value; patterns may have the placeholders
{tenant} and {user}, which --tenant and --user may name, and {any}. A certificate that two rules map is refused. Without --role only enrolled users come in.
  tresor rule add web --anchor company-ca.pem --match 'CN={user}.web.example.org' --tenant web --user '{user}' --role user`,
  arity: [1, 1],
  options: {
    anchor: { type: 'string', value: 'FILE', help: "the authority's certificate (PEM), intermediates after it" },
    match: { type: 'string', multiple: true, value: 'FIELD=PATTERN', help: 'what the certificate must hold: CN, OU, O, DNS, URI, ...' },
    tenant: { type: 'string', value: 'T', help: 'a tenant, or {tenant}' },
    user: { type: 'string', value: 'U', help: 'a user, or {user}' },
    role: { type: 'string', value: 'ROLE', help: `of users that nobody enrolled: ${Object.keys(roles).join(', ')}` },
  },
  async run(invocation) {
    const [id] = invocation.arguments
    const [anchor, tenant, user] = (['anchor', 'tenant', 'user'] as const).map((name) => {
      const text = textOption(invocation, name)
      if (text === undefined) throw new UsageError(`--${name} is missing\nusage: tresor rule add ${ruleAdd.usage}`)
      return text
    }) as [string, string, string]
    const given = invocation.options.match
    const match = (Array.isArray(given) ? given.map(String) : []).map((text: string) => {
      const [, field, pattern] = /^([^=]+)=(.+)$/.exec(text) ?? []
      if (field === undefined || pattern === undefined) throw new UsageError(`--match ${text} is not FIELD=PATTERN`)
      return { field, pattern }
    })
    const role = textOption(invocation, 'role')
    const call = { id, anchor: readAnchorFile(anchor), match, tenant, user, ...(role === undefined ? {} : { role }) }
    const rule = await askNode<RuleView>(invocation, 'rule.add', call)
    invocation.output.step('rule', `${rule.id}: ${matchText(rule)} is ${rule.user} of ${rule.tenant}`, { ...rule })
  },
}

interface RuleView {
  readonly id: string
  readonly anchorKey: string
  readonly match: readonly { readonly field: string; readonly pattern: string }[]
  readonly tenant: string
  readonly user: string
  readonly permissions?: readonly string[]
}

export const ruleList: Command = {
  name: 'rule list',
  usage: '',
  summary: 'List the rules for certificates of other authorities.',
  arity: [0, 0],
  options: {},
  async run(invocation) {
    const rules = await askNode<readonly RuleView[]>(invocation, 'rule.list')
    invocation.output.table(
      ['rule', 'matches', 'tenant', 'user', 'permissions', 'anchor key'],
      rules.map((rule) => [
        rule.id,
        matchText(rule),
        rule.tenant,
        rule.user,
        rule.permissions?.join(' ') ?? 'as enrolled',
        rule.anchorKey.slice(0, 16),
      ]),
      { rules },
    )
    if (rules.length === 0) invocation.output.line("There are no rules: only certificates of this node's own authority come in.")
  },
}

export const ruleRemove: Command = {
  name: 'rule remove',
  usage: 'ID',
  summary: 'Remove a rule; the connections it let in are closed.',
  arity: [1, 1],
  options: {},
  async run(invocation) {
    const [id] = invocation.arguments
    await askNode(invocation, 'rule.remove', { id })
    invocation.output.step('removed', `rule ${id}`, { id })
  },
}

function matchText({ match }: RuleView): string {
  return match.map(({ field, pattern }) => `${field}=${pattern}`).join(' ')
}

function readAnchorFile(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new CommandError(`--anchor: ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`, { cause: error })
  }
}
