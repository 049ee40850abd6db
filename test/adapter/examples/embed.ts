import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createFilterChain } from '../../../src/index.ts';

const chain = await createFilterChain({
  filters: [
    {
      module: 'filters/rust/add-header/add-header.wasm',
      config: { request: { set: { 'x-env': 'production' } }, response: { set: { 'x-served-by': 'weir' } } },
    },
    { module: 'filters/c/security-headers/security-headers.wasm' },
  ],
});

const server = createServer(
  chain.handler((req, res) => {
    res.end(`Hello from ${req.headers['x-env']}\n`);
  }),
);
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
