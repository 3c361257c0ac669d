// An application behind the gate, with the nginx configuration that
// conf/applications/ has for it: only addresses and paths are made ours.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { Rig, freePort, top, until } from '../../browser/lib/rig.mjs';

export const packages = path.join(top, 'build/applications/node_modules');

const fastcgi = '/etc/nginx/fastcgi_params';


export class Site extends Rig {
	// what: name (of the configuration), port (the one that stands in it), or
	// text, a function from the site to what else is to be replaced there;
	// start, a function that starts the application on site.appPort
	async application() {
		this.appPort = await freePort();
		this.inner = await freePort();
		await this.what.start(this);
		await until(`the application (${this.log('app.log').slice(-2000)})`, () => this.answers(this.appPort), 90000);
	}

	answers(port) {
		if (this.children.some((c) => c.gone)) throw new Error(`ended at once: ${this.log('app.log').slice(-3000)}`);

		return new Promise((done) => {
			const s = net.connect(port, '127.0.0.1', () => { s.destroy(); done(true) });
			s.on('error', () => done(false));
		});
	}

	conf() {
		const name = path.join(top, 'conf/applications', `${this.what.name}.conf`);
		const module = path.resolve(top, process.env.TOTP_MODULE || 'build/ngx_http_totp_module.so');
		const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
		let text = fs.readFileSync(name, 'utf8');

		const replace = (from, to) => {
			if (!text.match(from)) throw new Error(`${name}: nothing to replace for ${from}`);
			text = text.replaceAll(from, to);
		};

		replace(/^load_module .*$/mg, `load_module ${module};\npid nginx.pid;\nlock_file nginx.lock;\nerror_log error.log info;`);
		replace(/^user .*$/mg, process.getuid() == 0 ? 'user root;' : '');
		replace(/unix:\/run\/redis\//g, `unix:${this.dir}/`);
		replace(/^http \{$/mg, ['http {', 'access_log access.log;', 'totp_skew 3;',
			...temporary.map((t) => `${t}_temp_path tmp-${t};`)].join('\n'));
		replace(/\blisten( +)443\b/g, `listen$1127.0.0.1:${this.port}`);
		text = text.replaceAll(/\blisten( +)10\.0\.0\.2:\d+/g, `listen$1127.0.0.1:${this.inner}`);
		for (const [from, to] of this.what.replace?.(this) || []) replace(from, to);

		text = text.replaceAll(fastcgi, '\0').replaceAll('/etc/nginx/', `${this.dir}/`).replaceAll('\0', fastcgi);

		return text;
	}

	run(command, args, options) {
		const out = fs.openSync(this.file('app.log'), 'a');
		const child = spawn(command, args, { cwd: this.dir, stdio: ['ignore', out, out], ...options });
		const entry = { pid: child.pid, gone: false };

		fs.closeSync(out);
		child.on('error', () => { entry.gone = true });
		child.on('exit', () => { entry.gone = true });
		this.children.push(entry);
		this.appPids = [...this.appPids || [], child.pid];

		return child;
	}

	file(...name) {
		return path.join(this.dir, ...name);
	}

	write(name, text) {
		fs.mkdirSync(path.dirname(this.file(name)), { recursive: true });
		fs.writeFileSync(this.file(name), text);
	}

	async stop() {
		const status = await super.stop();

		for (const pid of this.appPids || []) {
			const child = this.children.find((c) => c.pid == pid);
			if (!child.gone) process.kill(pid, 'SIGTERM');
			await until(`the application to end`, () => child.gone);
		}

		return status;
	}
}
