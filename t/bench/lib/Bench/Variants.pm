package Bench::Variants;

# What may guard a location: ours, and the peers that Debian packages.  Each is
# an nginx of its own with one worker, and two ways to ask: with the right
# credential and without.

use strict;
use warnings;

use Digest::MD5 ();
use Digest::SHA ();
use MIME::Base64 ();

use Bench::Load;
use Bench::Site;
use Totp::Util;


our $LUA = '/usr/lib/nginx/modules/ngx_http_lua_module.so';


# A list of hashes: name, guard (its path), conf (of Bench::Site), headers
# (the credential), query (by thing), refused (status without), calls (how
# many a measurement takes: some are slow), module (has ours loaded).

sub all {
    my ($site, $cookie) = @_;

    my $up = $site->{up}->port;
    my $auth = $site->{auth}->port;
    my @cookie = (Cookie => $cookie);

    return (
        {
            name => 'no guard, again', guard => 'bare', headers => \@cookie,
            open => 1, conf => { server => $site->guarded('bare', '') },
        }, {
            # what the threads that hash cost while they sleep: libc and the
            # kernel do more for each system call of a process that has some
            name => 'no guard, idle thread_pool', guard => 'bare',
            headers => \@cookie, open => 1,
            conf => { main => 'thread_pool idle threads=2;',
                      server => $site->guarded('bare', '') },
        }, {
            name => 'ours', guard => 'totp', headers => \@cookie, module => 1,
            conf => $site->ours,
        }, {
            name => 'ours, totp off', guard => 'off', headers => \@cookie,
            open => 1, conf => $site->ours,
        }, {
            name => 'secure_link', guard => 'link', refused => 403,
            headers => \@cookie, query => \&link_query,
            conf => { server => $site->guarded('link', <<'END') },
            secure_link      $arg_md5;
            secure_link_md5  "$uri secret";
            if ($secure_link = "") { return 403; }
END
        }, {
            name => 'auth_request, local 204', guard => 'local',
            headers => \@cookie,
            conf => { server => $site->guarded('local',
                      '            auth_request /auth;') . <<'END' },
        location = /auth {
            internal;
            if ($http_cookie = "") { return 401; }
            return 204;
        }
END
        }, {
            name => 'auth_request, other nginx', guard => 'other',
            headers => \@cookie,
            conf => { http => "    upstream auth { server 127.0.0.1:$auth; "
                              . "keepalive 64; }\n",
                      server => $site->guarded('other',
                      '            auth_request /auth;') . <<'END' },
        location = /auth {
            internal;
            proxy_pass               http://auth/;
            proxy_pass_request_body  off;
            proxy_set_header         Content-Length "";
        }
END
        }, {
            name => 'auth_basic {PLAIN}', guard => 'plain',
            headers => [@cookie, basic('plain')],
            conf => basic_conf($site, 'plain', '{PLAIN}secret'),
        }, {
            name => 'auth_basic bcrypt 5', guard => 'bcrypt', calls => 200,
            headers => [@cookie, basic('bcrypt')],
            conf => basic_conf($site, 'bcrypt', bcrypt('secret', 5)),
        },
        (-e $LUA ? {
            name => 'Lua, HMAC-SHA1 of a cookie', guard => 'lua',
            headers => [Cookie => "$cookie; lua=" . lua_cookie()],
            conf => lua_conf($site),
        } : ()),
    );
}


sub link_query {
    my ($path) = @_;

    return '?md5=' . b64url(Digest::MD5::md5("$path secret"));
}


sub bcrypt {
    my ($password, $cost) = @_;

    my $hash = crypt $password,
                     sprintf '$2y$%02d$abcdefghijklmnopqrstuu', $cost;
    die "crypt(3) knows no bcrypt\n" unless length $hash == 60;

    return $hash;
}


sub basic {
    my ($user) = @_;

    return (Authorization => 'Basic ' . b64("$user:secret"));
}


sub basic_conf {
    my ($site, $name, $hash) = @_;

    my $file = spew("$site->{dir}/$name.htpasswd", "$name:$hash\n", 0644);

    return { server => $site->guarded($name,
                 "            auth_basic x;\n"
                 . "            auth_basic_user_file $file;") };
}


# payload.signature, the payload as long as a session of ours

sub lua_cookie {
    my $payload = 'a' x 80;

    return "$payload." . b64url(Digest::SHA::hmac_sha1($payload, 'secret'));
}


sub lua_conf {
    my ($site) = @_;

    (my $ndk = $LUA) =~ s/ngx_http_lua_module/ndk_http_module/;

    return {
        modules => [$ndk, $LUA],
        http => "    lua_package_path '/usr/share/lua/5.1/?.lua;;';\n",
        server => $site->guarded('lua', <<'END'),
            access_by_lua_block {
                local cookie = ngx.var.cookie_lua
                local payload, sum = string.match(cookie or "",
                                                  "^([^.]+)%.([^.]+)$")
                if not payload then
                    return ngx.exit(401)
                end
                local own = ngx.encode_base64(ngx.hmac_sha1("secret", payload),
                                              true)
                own = string.gsub(own, "[+/]", { ["+"] = "-", ["/"] = "_" })
                if own ~= sum then
                    return ngx.exit(401)
                end
            }
END
    };
}


# The bytes of a request.

sub raw {
    my ($v, $thing, $guard, %o) = @_;

    my $path = uri($v, $thing, $guard);
    my @h = $o{without} ? () : @{ $v->{headers} };
    my $raw = "GET $path HTTP/1.1\r\nHost: localhost\r\n";
    $path = '' if $o{without};

    while (@h) {
        my ($name, $value) = splice @h, 0, 2;
        $raw .= "$name: $value\r\n";
    }

    return "$raw\r\n";
}


sub uri {
    my ($v, $thing, $guard) = @_;

    my $path = '/' . (defined $guard ? $guard : $v->{guard}) . "/$thing";

    # the same length, and the same query, for the unprotected twin

    return $path . ($v->{query} ? $v->{query}->("/$v->{guard}/$thing") : '');
}


# Dies unless it lets in who may come in, and nobody else.

sub check {
    my ($v, $port) = @_;

    for my $thing (qw(tiny file proxied)) {
        wait_until(sub {
            eval { Bench::Load::requests($port, 1, raw($v, $thing), 200); 1 }
        }, 10, 0.2) or die "$v->{name} does not let in to $thing: $@";

        next if $v->{open};

        my $client = Totp::Client->new(port => $port);
        my $got = $client->request('GET', "/$v->{guard}/$thing")->status;
        my $want = $v->{refused} || 401;
        die "$v->{name}: $got without a credential for $thing\n"
            if $got != $want;
    }

    return;
}


1;
