/** @fastify/http-proxy, as its README sets it up. */
import fastifyProxy from '@fastify/http-proxy';
import { fastify } from 'fastify';
import { serveTarget } from '../../src/bench/target.ts';

serveTarget(async upstream => {
  const server = fastify();
  await server.register(fastifyProxy, { upstream, undici: { connections: 128 } });
  return server.listen({ host: '127.0.0.1', port: 0 });
});
