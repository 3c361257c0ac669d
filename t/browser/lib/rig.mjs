// What the browser meets: a private Redis, an application, and nginx with the
// module and TLS, on free ports of the loopback, in a directory of their own.
//
// TOTP_MODULE, TOTP_NGINX and TOTP_KEEP are those of t/README.md.

import { spawn, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const top = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');

export const help = 'Call the help desk on extension 4711.';

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));


export async function until(what, fn, ms = 10000) {
	for (const end = Date.now() + ms; ; await sleep(50)) {
		const value = await fn();
		if (value) return value;
		if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
	}
}


export function freePort() {
	return new Promise((done, fail) => {
		const s = net.createServer().once('error', fail);
		s.listen(0, '127.0.0.1', () => {
			const { port } = s.address();
			s.close(() => done(port));
		});
	});
}


const escape = (s) => s.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);


export class Rig {
	// Names of users; each gets a password.  more: properties of a kin of this
	// class.
	static async start(users, more) {
		const rig = Object.assign(new this(), more);

		rig.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'totp-b-'));
		rig.children = [];
		rig.hits = [];
		rig.passwords = Object.fromEntries(users.map((u) => [u, `pw ${u} ${randomBytes(6).toString('hex')}`]));
		process.on('exit', () => rig.sweep());
		for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

		try {
			await rig.up();
		} catch (e) {
			e.message += `\n${rig.log('stderr.log')}${rig.log('error.log')}`;
			throw e;
		}

		return rig;
	}

	async up() {
		const file = (name, text) => fs.writeFileSync(path.join(this.dir, name), text, { mode: 0o600 });

		this.htpasswd();
		file('totp.keys', `k1:${randomBytes(32).toString('base64')}\n`);
		execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
			'-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost',
			'-keyout', path.join(this.dir, 'tls.key'), '-out', path.join(this.dir, 'tls.crt')], { stdio: 'ignore' });

		this.redisPid = this.spawn('redis.log', 'redis-server', ['--port', '0', '--unixsocket', path.join(this.dir, 'redis.sock'),
			'--dir', this.dir, '--save', '', '--appendonly', 'no', '--daemonize', 'no']);
		await until('Redis', () => { try { return this.redis('PING') == 'PONG' } catch { return false } });

		this.port = await freePort();
		this.shortPort = await freePort();
		this.themedPort = await freePort();
		this.origin = `https://localhost:${this.port}`;
		this.short = `https://localhost:${this.shortPort}`;
		this.themed = `https://localhost:${this.themedPort}`;

		await this.application();

		file('nginx.conf', this.conf());
		this.nginxPid = this.spawn('stderr.log', process.env.TOTP_NGINX || 'nginx',
			['-p', this.dir, '-c', path.join(this.dir, 'nginx.conf'), '-e', path.join(this.dir, 'error.log'), '-g', 'daemon off;']);
		await until('nginx', () => {
			if (this.children.find((c) => c.pid == this.nginxPid).gone) throw new Error('nginx did not start');
			return new Promise((done) => {
				const s = net.connect(this.port, '127.0.0.1', () => { s.destroy(); done(true) });
				s.on('error', () => done(false));
			});
		});
	}

	htpasswd() {
		const name = path.join(this.dir, 'htpasswd');

		fs.writeFileSync(`${name}.new`, Object.entries(this.passwords).map(([u, p]) => `${u}:{PLAIN}${p}\n`).join(''), { mode: 0o600 });
		fs.renameSync(`${name}.new`, name);
	}

	// Ends the sessions of a user, as "expired".
	changePassword(user) {
		this.passwords[user] = `pw ${user} ${randomBytes(6).toString('hex')}`;
		this.htpasswd();
	}

	conf() {
		const gate = (port, lines) => `
    server {
        listen               127.0.0.1:${port} ssl;
        server_name          localhost;
        ssl_certificate      tls.crt;
        ssl_certificate_key  tls.key;

        totp       on;
${lines}
        location / {
            proxy_pass        http://127.0.0.1:${this.appPort};
            proxy_set_header  X-Forwarded-User $totp_user;
        }

        location /2fa/ {
            totp_portal;
        }
    }
`;
		const theme = path.join(top, 'conf/theme');
		const module = path.resolve(top, process.env.TOTP_MODULE || 'build/ngx_http_totp_module.so');

		return `
load_module ${module};
${process.getuid() == 0 ? 'user root;' : ''}
worker_processes 2;
pid nginx.pid;
lock_file nginx.lock;
error_log error.log info;

events {
    worker_connections 512;
}

http {
    access_log             access.log;
    client_body_temp_path  body;
    proxy_temp_path        proxy;
    fastcgi_temp_path      fastcgi;
    uwsgi_temp_path        uwsgi;
    scgi_temp_path         scgi;

    totp_redis          unix:${this.dir}/redis.sock;
    totp_keys           ${this.dir}/totp.keys;
    totp_password_file  ${this.dir}/htpasswd;
    totp_issuer         "Example & Corp";
    totp_help           "${help}";
    totp_skew           3;
${gate(this.port, '')}
${gate(this.shortPort, `        totp_fresh                 4s;
        totp_backup_codes_display  6s;
`)}
${gate(this.themedPort, `        totp_pages       ${theme}/pages;
        totp_logo        ${theme}/logo.svg;
        totp_stylesheet  ${theme}/style.css;
`)}
}
`;
	}

	// Shows who asks for what, and remembers the paths.
	async application() {
		this.app = http.createServer((req, res) => {
			let body = '';

			req.on('data', (part) => { body += part });
			req.on('end', () => {
				const user = req.headers['x-forwarded-user'] || '';

				this.hits.push({ method: req.method, url: req.url, user, cookie: req.headers.cookie || '' });
				res.setHeader('Content-Type', 'text/html; charset=utf-8');
				res.setHeader('Connection', 'close');
				res.end('<!DOCTYPE html><html lang="en"><title>Application</title><link rel="icon" href="data:,">'
					+ `<main><h1>Application</h1><p id="user">${escape(user)}</p><p id="url">${escape(req.url)}</p>`
					+ `<p id="body">${escape(body)}</p><p id="part">Part</p>`
					+ '<form method="post" action="/save"><label>Text <input name="text"></label><button>Save</button></form></main>');
			});
		});
		await new Promise((done) => this.app.listen(0, '127.0.0.1', done));
		this.appPort = this.app.address().port;
	}

	seen(user) {
		return this.hits.filter((h) => h.user == user);
	}

	spawn(log, command, args) {
		const out = fs.openSync(path.join(this.dir, log), 'a');
		const child = spawn(command, args, { cwd: this.dir, stdio: ['ignore', out, out] });
		const entry = { pid: child.pid, gone: false };

		fs.closeSync(out);
		child.on('error', (e) => { entry.gone = true; fs.appendFileSync(path.join(this.dir, log), `${command}: ${e.message}\n`) });
		child.on('exit', (code, signal) => { entry.gone = true; entry.status = code ?? signal });
		this.children.push(entry);

		return child.pid;
	}

	redis(...args) {
		return execFileSync('redis-cli', ['-s', path.join(this.dir, 'redis.sock'), ...args],
			{ encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
	}

	// The key of the hash that Redis has for a user, and the names of its fields.
	record(user) {
		return `totp:user:{default:${user}}`;
	}

	fields(user) {
		return this.redis('HKEYS', this.record(user)).split('\n').filter(Boolean);
	}

	log(name) {
		try {
			return fs.readFileSync(path.join(this.dir, name), 'utf8');
		} catch {
			return '';
		}
	}

	complaints() {
		return this.log('error.log').split('\n').filter((line) => /\[(?:alert|crit|emerg)\]/.test(line));
	}

	// In order: nginx lets go of Redis.  Gives nginx's exit status.
	async stop() {
		for (const pid of [this.nginxPid, this.redisPid]) {
			const child = this.children.find((c) => c.pid == pid);
			if (!child || child.gone) continue;
			process.kill(pid, pid == this.nginxPid ? 'SIGQUIT' : 'SIGTERM');
			await until(`process ${pid} to end`, () => child.gone);
		}
		this.app?.closeAllConnections?.();
		this.app?.close();

		return this.children.find((c) => c.pid == this.nginxPid).status;
	}

	// The last resort, also when a test dies.
	sweep() {
		for (const child of this.children) {
			if (!child.gone && child.pid) try { process.kill(child.pid, 'SIGTERM') } catch { /* gone */ }
		}
		if (process.env.TOTP_KEEP) console.error(`# kept: ${this.dir}`);
		else fs.rmSync(this.dir, { recursive: true, force: true });
	}
}
