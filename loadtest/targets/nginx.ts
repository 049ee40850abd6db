/** nginx as a proxy: one worker, connections to the upstream kept alive. Linux only: what it uses is read from /proc. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Usage } from '../../src/bench/messages.ts';
import { serveTarget } from '../../src/bench/target.ts';

/** ms until nginx must answer. */
const START = 5000;

/** Why it can't be measured here; empty when it can. */
export function nginxMissing(): string {
  if (process.platform !== 'linux') return 'its CPU time is read from /proc, which this system has not';
  const { error } = spawnSync('nginx', ['-v'], { stdio: 'ignore' });
  return error === undefined ? '' : 'not installed';
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', () => resolve()));
  const { port } = server.address() as AddressInfo;
  await new Promise(resolve => server.close(resolve));
  return port;
}

const configuration = (directory: string, port: number, upstream: string) => `
daemon off;
worker_processes 1;
pid ${directory}/pid;
error_log ${directory}/error.log;
events { worker_connections 1024; }
http {
  access_log off;
  client_max_body_size 0;
  client_body_temp_path ${directory}/body;
  proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi;
  uwsgi_temp_path ${directory}/uwsgi;
  scgi_temp_path ${directory}/scgi;
  keepalive_requests 1000000;
  upstream app { server ${new URL(upstream).host}; keepalive 128; keepalive_requests 1000000; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`;

/** Processes whose parent is `pid`. */
function workers(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return children.trim().split(' ').filter(Boolean).map(Number);
}

if (import.meta.main) {
  let pid = 0;
  serveTarget(
    async upstream => {
      const directory = mkdtempSync(join(tmpdir(), 'weir-nginx-'));
      mkdirSync(join(directory, 'body'));
      const port = await freePort();
      writeFileSync(join(directory, 'nginx.conf'), configuration(directory, port, upstream));
      const nginx = spawn('nginx', ['-p', directory, '-c', join(directory, 'nginx.conf')], {
        stdio: 'ignore',
      });
      pid = nginx.pid!;
      process.on('exit', () => {
        nginx.kill('SIGTERM');
        rmSync(directory, { recursive: true, force: true });
      });
      const url = `http://127.0.0.1:${port}`;
      const end = performance.now() + START;
      for (;;) {
        try {
          await fetch(url);
          return url;
        } catch (error) {
          if (performance.now() > end) throw error;
          await new Promise(resolve => setTimeout(resolve, 20));
        }
      }
    },
    (): Usage => {
      let cpu = 0;
      let peak = 0;
      for (const worker of workers(pid)) {
        if (!existsSync(`/proc/${worker}/schedstat`)) continue;
        // ns that its one thread has run.
        cpu += Number(readFileSync(`/proc/${worker}/schedstat`, 'utf8').split(' ')[0]) / 1000;
        const kib = /VmHWM:\s+([0-9]+)/.exec(readFileSync(`/proc/${worker}/status`, 'utf8'))?.[1];
        peak += Number(kib ?? 0) * 1024;
      }
      return { cpu, rss: peak, peak };
    },
  );
}
