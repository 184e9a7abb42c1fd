import type { Command } from '../command.ts'

export const conformance: Command = {
  name: 'conformance',
  usage: '[--cases DIR] [--server HOST:PORT --bundle DIR] [--only TEXT] [--responses]',
  summary: "Run OASIS's XML test cases against a KMIP server.",
  details: `Without --server it starts a server of its own in a folder that goes away with it, and gives each series of cases a tenant
of its own. A case that needs operations which the server does not list in Query is not run, and shown with what it
waits for. The cases are looked for in ../shared/oasis unless --cases says where they are.`,
  arity: [0, 0],
  options: {
    cases: { type: 'string', value: 'DIR', help: 'the folder with the XML cases' },
    server: { type: 'string', value: 'HOST:PORT', help: 'another server to test' },
    bundle: { type: 'string', value: 'DIR', help: 'ca.pem, cert.pem and key.pem of a client of that server' },
    only: { type: 'string', value: 'TEXT', help: 'only cases whose path holds this text' },
    responses: { type: 'boolean', help: "show the server's whole answer where a case fails" },
  },
  async run(invocation) {
    const { runConformance } = await import('../run-conformance.ts')
    await runConformance(invocation)
  },
}
