package Bench::Site;

# What is measured: one rig (Redis, users, keys) and the text of the nginx
# configurations, each with one worker on a processor of its own.  Every
# location guards the same three things: tiny (a picture of 43 bytes), file (4
# kB) and proxied (the picture of another nginx).

use strict;
use warnings;

use POSIX ();

use Totp::Test ();
use Totp::Util;


# the workers' processor, and everybody else's

our $SERVER_CPU = 0;
our $CLIENT_CPU = 1;


sub new {
    my ($class, %o) = @_;

    my $rig = Totp::Test->new(start => 0, nodes => 0, %o);
    my $self = bless { rig => $rig, dir => $rig->dir, nodes => [] }, $class;

    mkdir "$self->{dir}/www";
    spew("$self->{dir}/www/file", join '', map { chr 97 + $_ % 26 } 1 .. 4096);

    return $self;
}


sub rig { return $_[0]{rig} }

sub users { return @{ $_[0]{rig}{users} } }


# The nginx behind, the one that only says yes, and the one without a guard.

sub start {
    my ($self) = @_;

    pin($self->rig->redis->{pid});

    $self->{up} = $self->node('up', cpu => $CLIENT_CPU,
                              server => 'location / { empty_gif; }')->start;
    $self->{auth} = $self->node('auth', cpu => $CLIENT_CPU,
                                server => <<'END')->start;
        location / {
            if ($http_cookie = "") { return 401; }
            return 204;
        }
END
    $self->{bare} = $self->node('bare',
                                server => $self->guarded('bare', ''))->start;

    return $self;
}


# Arguments of conf: the module in front of the same things.

sub ours {
    my ($self) = @_;

    return { modules => [Totp::Nginx::module()], http => $self->totp_http,
             server => $self->totp_server };
}


# A command runs beside the workers, not on their processor.

sub pinned { return many() ? (tool('taskset'), '-c', $CLIENT_CPU) : () }

sub pin {
    my ($pid) = @_;

    output(tool('taskset'), '-a', '-c', '-p', $CLIENT_CPU, $pid) if many();

    return;
}

sub many {
    my $n = () = slurp('/proc/cpuinfo') =~ /^processor\s*:/mg;
    return $n > 1;
}


sub output {
    my (@cmd) = @_;

    my $pid = open my $fh, '-|';
    die "fork: $!" unless defined $pid;

    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        { exec @cmd }
        POSIX::_exit(127);
    }

    local $/;
    my $out = <$fh>;
    close $fh;

    return defined $out ? $out : '';
}


# A visitor of a node, with room for many of them.

sub client {
    my ($self, $node, %o) = @_;

    return Totp::Client->new(rig => $self->rig, portal => '/2fa/',
                             port => $node->port, %o);
}


# The Cookie header of one who has signed in with a code.

sub cookie {
    my ($self) = @_;

    if (!$self->{cookie}) {
        my $node = $self->node('sign-in', %{ $self->ours })->start;

        $self->ready($node);
        my $client = $self->client($node)->ready(($self->users)[0]);
        $self->{cookie} = $client->cookie_header;
        $node->quit;
    }

    return $self->{cookie};
}


# The module's own nginx has read the revocations.

sub ready {
    my ($self, $node) = @_;

    wait_until(sub {
        $self->client($node)->get_json('/totp/tiny')->status == 401;
    }, 10) or die "the gate does not answer\n";

    return $node;
}


# The three things behind a guard, below /name/.

sub guarded {
    my ($self, $name, $lines) = @_;

    return <<"END";
        location /$name/tiny {
$lines
            empty_gif;
        }
        location /$name/file {
$lines
            alias %DIR%/www/file;
        }
        location /$name/proxied {
$lines
            proxy_pass http://upstream/;
        }
END
}


# modules => [paths]; http, server, main => lines; workers, cpu; alone: no
# workers at all

sub conf {
    my ($self, %o) = @_;

    my $load = join '', map { "load_module $_;\n" } @{ $o{modules} || [] };
    my $workers = $o{workers} || 1;
    my $user = $> == 0 ? 'user root;' : '';
    my $cpu = $o{alone} ? '' : 'worker_cpu_affinity '
        . join(' ', map { sprintf '%b', 1 << cpu($_ - 1, %o) } 1 .. $workers)
        . ';';
    my $upstream = $self->{up}
        ? 'upstream upstream { server 127.0.0.1:' . $self->{up}->port
          . '; keepalive 64; }'
        : '';
    my $main = $o{main} || '';
    my $http = $o{http} || '';

    return <<"END";
$load
$user
$main
worker_processes $workers;
$cpu
pid %PREFIX%/nginx.pid;
lock_file %PREFIX%/nginx.lock;
error_log %PREFIX%/error.log warn;
working_directory %PREFIX%;

events { worker_connections 4096; }

http {
    access_log             off;
    client_body_temp_path  %PREFIX%/client_body;
    proxy_temp_path        %PREFIX%/proxy;
    fastcgi_temp_path      %PREFIX%/fastcgi;
    uwsgi_temp_path        %PREFIX%/uwsgi;
    scgi_temp_path         %PREFIX%/scgi;
    keepalive_requests     100000000;
    proxy_http_version     1.1;
    proxy_set_header       Connection "";
    $upstream
$http
    server {
        listen 127.0.0.1:%PORT%;
        listen 127.0.0.1:%PORT_h2% http2;
        server_name localhost;
$o{server}
    }
}
END
}


sub cpu {
    my ($i, %o) = @_;

    return 0 if !many();
    return defined $o{cpu} ? $o{cpu} : $i == 0 ? $SERVER_CPU : $CLIENT_CPU;
}


# The lines of http that make the module work.

sub totp_http {
    return <<'END';
    totp_redis          unix:%DIR%/redis/redis.sock;
    totp_keys           %DIR%/totp.keys;
    totp_password_file  %DIR%/htpasswd;
    totp_cookie         totp secure=off;
    totp_skew           3;
    totp_attempts       100 5m;
END
}


sub totp_server {
    my ($self) = @_;

    return $self->guarded('totp', '            totp on;')
         . $self->guarded('open', '            totp optional;')
         . $self->guarded('off', '            totp off;')
         . "        location /2fa/ { totp_portal; }\n";
}


sub node {
    my ($self, $name, %o) = @_;

    my $node = Totp::Nginx->new(name => $name, rig => $self->rig,
                                conf => $self->conf(%o));
    $self->rig->{nodes}{$name} = $node;

    return $node;
}


1;
