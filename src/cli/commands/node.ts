import type { NodeStatus } from '../../admin/index.ts'
import type { Command } from '../command.ts'
import { askNode } from '../place.ts'

export const status: Command = {
  name: 'status',
  usage: '',
  summary: 'Show the running node: addresses, processes, problems.',
  arity: [0, 0],
  options: {},
  async run(invocation) {
    const shown = await askNode<NodeStatus>(invocation, 'node.status')
    if (invocation.output.isJson) return invocation.output.json(shown)
    const { version, kmip, https, operator, processes, problems } = shown
    invocation.output.details({
      version,
      kmip,
      ...(https.length > 0 ? { https } : {}),
      operator: operator === undefined ? 'none' : `http://${operator}`,
      processes: Object.entries(processes).map(([name, pid]) => `${name} ${pid}`),
      problems,
    })
  },
}

export const reload: Command = {
  name: 'reload',
  usage: '',
  summary: 'Read certificates, authorities and revocation lists again, now.',
  details: 'They are read again by themselves within seconds when their files change.',
  arity: [0, 0],
  options: {},
  async run(invocation) {
    await askNode(invocation, 'node.reload')
    invocation.output.step('reloaded', 'certificates, authorities and revocation lists')
  },
}
